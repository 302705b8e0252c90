# Have VMM copy a file of this host into a folder of a library share: over VMM's own connection, so that no other server
# asks this shell for a credential. The lock is held as long as it works, whether or not anybody still listens.
param(
    [Parameter(Mandatory)] [string] $Source,
    [Parameter(Mandatory)] [string] $Folder,
    [Parameter(Mandatory)] [string] $Lock,
    [Parameter(Mandatory)] [bool] $Unencrypted
)
$ErrorActionPreference = 'Stop'
$held = [System.IO.File]::Open($Lock, 'OpenOrCreate', 'ReadWrite', 'None')
try {
    $wanted = @{ SourcePath = $Source; SharePath = $Folder }
    if ($Unencrypted) {
        $wanted.AllowUnencryptedTransfer = $true
    }
    $null = Import-SCLibraryPhysicalResource @wanted
} finally {
    $held.Dispose()
}
