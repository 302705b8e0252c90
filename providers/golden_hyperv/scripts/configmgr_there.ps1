# Which of some operating system images a site of Configuration Manager has: their numbers, and -1 once it was asked.
param(
    [Parameter(Mandatory)] [string] $Module,
    [Parameter(Mandatory)] [string] $Site,
    [Parameter(Mandatory)] [string] $Server,
    [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Name
)
$ErrorActionPreference = 'Stop'
Import-Module -Name $Module
if ($null -eq (Get-PSDrive -Name $Site -ErrorAction SilentlyContinue)) {
    $null = New-PSDrive -Name $Site -PSProvider 'CMSite' -Root $Server
}
Set-Location -LiteralPath ($Site + ':')
try {
    $number = 0
    foreach ($one in $Name) {
        $found = Get-CMOperatingSystemImage -Name $one -DisableWildcardHandling -ErrorAction Stop
        if ($null -ne $found) {
            $number
        }
        $number = $number + 1
    }
    -1
} finally {
    Set-Location -LiteralPath 'C:\'
}
