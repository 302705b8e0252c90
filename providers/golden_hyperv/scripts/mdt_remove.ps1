# Take an operating system out of a deployment share, wherever it stands there, and its folder with it; absent is success.
# What still has files of that folder is told by its name, and the folder stays.
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
            Remove-Item -LiteralPath $place -Force
        }
    }
    $left = 0
    foreach ($item in @(Get-ChildItem -LiteralPath 'GoldenShare:\Operating Systems' -Recurse)) {
        $source = ([string]$item.Source + '\').ToLowerInvariant()
        if ($source.IndexOf('\' + $Name.ToLowerInvariant() + '\') -ge 0) {
            $left = $left + 1
            [string]$item.Name
        }
    }
} finally {
    Remove-PSDrive -Name 'GoldenShare' -Force
}
$folder = [System.IO.Path]::Combine($Root, 'Operating Systems', $Name)
if (($left -eq 0) -and (Test-Path -LiteralPath $folder)) {
    Remove-Item -LiteralPath $folder -Recurse -Force
}
