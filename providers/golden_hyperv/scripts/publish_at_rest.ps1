# Whether nobody holds the lock any more that work of a publish holds: $true where there is none, $false where somebody has
# it open (0x80070020, 0x80070021). What keeps golden from looking is its own error.
param(
    [Parameter(Mandatory)] [string] $Lock
)
$ErrorActionPreference = 'Stop'
try {
    $held = [System.IO.File]::Open($Lock, 'Open', 'ReadWrite', 'None')
    $held.Dispose()
    $true
} catch [System.IO.FileNotFoundException], [System.IO.DirectoryNotFoundException] {
    $true
} catch [System.IO.IOException] {
    if (@(-2147024864, -2147024863) -notcontains $_.Exception.GetBaseException().HResult) {
        throw
    }
    $false
}
