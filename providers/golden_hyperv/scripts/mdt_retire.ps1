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
    foreach ($item in @(Get-ChildItem -LiteralPath 'GoldenShare:\Operating Systems' -Recurse)) {
        if ([System.IO.Path]::GetFileName([string]$item.Source) -eq $Name) {
            $place = [string]$item.PSPath # Of its provider, two colons, and then the path in the drive.
            $place = $place.Substring($place.IndexOf('::') + 2)
            Set-ItemProperty -LiteralPath $place -Name 'enable' -Value 'False'
        }
    }
} finally {
    Remove-PSDrive -Name 'GoldenShare' -Force
}
