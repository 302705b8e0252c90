# Take an operating system out of a deployment share, and its folder with it; absent is success.
param(
    [Parameter(Mandatory)] [string] $Module,
    [Parameter(Mandatory)] [string] $Root,
    [Parameter(Mandatory)] [string] $Name
)
$ErrorActionPreference = 'Stop'
Import-Module -Name $Module
$null = New-PSDrive -Name 'GoldenShare' -PSProvider 'MDTProvider' -Root $Root
try {
    foreach ($item in @(Get-ChildItem -Path 'GoldenShare:\Operating Systems')) {
        if ([System.IO.Path]::GetFileName([string]$item.Source) -eq $Name) {
            Remove-Item -LiteralPath ('GoldenShare:\Operating Systems\' + $item.Name) -Force
        }
    }
} finally {
    Remove-PSDrive -Name 'GoldenShare' -Force
}
$folder = [System.IO.Path]::Combine($Root, 'Operating Systems', $Name)
if (Test-Path -LiteralPath $folder) {
    Remove-Item -LiteralPath $folder -Recurse -Force
}
