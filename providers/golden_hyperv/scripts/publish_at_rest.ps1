# Whether nobody holds the lock any more that work of a publish holds: $true where there is none.
param(
    [Parameter(Mandatory)] [string] $Lock
)
$ErrorActionPreference = 'Stop'
if ([System.IO.File]::Exists($Lock)) {
    try {
        $held = [System.IO.File]::Open($Lock, 'Open', 'ReadWrite', 'None')
        $held.Dispose()
        $true
    } catch {
        $false
    }
} else {
    $true
}
