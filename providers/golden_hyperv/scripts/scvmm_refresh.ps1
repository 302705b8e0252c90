# Have VMM look into a library share, or only into a folder below it: the whole of a large share takes long.
param(
    [Parameter(Mandatory)] [guid] $Share,
    [string] $Below
)
$ErrorActionPreference = 'Stop'
foreach ($found in @(Get-SCLibraryShare -ID $Share)) {
    if ($Below) {
        $null = Read-SCLibraryShare -LibraryShare $found -Path $Below
    } else {
        $null = Read-SCLibraryShare -LibraryShare $found
    }
}
