# The library shares of the VMM server that this shell is connected to.
param()
$ErrorActionPreference = 'Stop'
foreach ($share in @(Get-SCLibraryShare)) {
    [pscustomobject]@{
        Id = [string]$share.ID
        Name = [string]$share.Name
        Path = [string]$share.Path
        Server = [string]$share.LibraryServer.Name
    }
}
