# Which of some folders are operating systems of a deployment share: their numbers, and -1 once the share was read. They are
# known by the folder their files lie in, wherever somebody has put them in the Workbench and whatever they are called there.
param(
    [Parameter(Mandatory)] [string] $Module,
    [Parameter(Mandatory)] [string] $Root,
    [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Name
)
$ErrorActionPreference = 'Stop'
Import-Module -Name $Module
$null = New-PSDrive -Name 'GoldenShare' -PSProvider 'MDTProvider' -Root $Root
try {
    $folders = @()
    foreach ($item in @(Get-ChildItem -LiteralPath 'GoldenShare:\Operating Systems' -Recurse)) {
        $folders += [System.IO.Path]::GetFileName([string]$item.Source)
    }
    $number = 0
    foreach ($one in $Name) {
        if ($folders -contains $one) {
            $number
        }
        $number = $number + 1
    }
    -1
} finally {
    Remove-PSDrive -Name 'GoldenShare' -Force
}
