# Add a WIM of this host to a deployment share of the Microsoft Deployment Toolkit, in a folder of its own. The lock is
# held as long as it works, whether or not anybody still listens.
param(
    [Parameter(Mandatory)] [string] $Module,
    [Parameter(Mandatory)] [string] $Root,
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Name,
    [Parameter(Mandatory)] [string] $Lock
)
$ErrorActionPreference = 'Stop'
$held = [System.IO.File]::Open($Lock, 'OpenOrCreate', 'ReadWrite', 'None')
try {
    Import-Module -Name $Module
    $null = New-PSDrive -Name 'GoldenShare' -PSProvider 'MDTProvider' -Root $Root
    try {
        $null = Import-MDTOperatingSystem -Path 'GoldenShare:\Operating Systems' -SourceFile $Path -DestinationFolder $Name -ErrorAction Stop
    } finally {
        Remove-PSDrive -Name 'GoldenShare' -Force
    }
} finally {
    $held.Dispose()
}
