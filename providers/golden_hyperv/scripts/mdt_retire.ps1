# Switch an operating system of a deployment share off: no task sequence is offered it any more.
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
            Set-ItemProperty -LiteralPath ('GoldenShare:\Operating Systems\' + $item.Name) -Name 'enable' -Value 'False'
        }
    }
} finally {
    Remove-PSDrive -Name 'GoldenShare' -Force
}
