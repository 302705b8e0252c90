# Which of some operating system images a site of Configuration Manager has: their numbers, and -1 once it was asked.
# They are known by the file that is their source, whatever somebody called them.
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
    $files = @()
    foreach ($image in @(Get-CMOperatingSystemImage -ErrorAction Stop)) {
        $files += [System.IO.Path]::GetFileName([string]$image.PkgSourcePath)
    }
    $number = 0
    foreach ($one in $Name) {
        if ($files -contains ($one + '.wim')) {
            $number
        }
        $number = $number + 1
    }
    -1
} finally {
    Set-Location -LiteralPath 'C:\'
}
