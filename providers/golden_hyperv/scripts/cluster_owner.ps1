# Which node of a failover cluster a machine runs on; nothing where there is no cluster or no such machine.
param(
    [Parameter(Mandatory)] [string] $Name
)
$ErrorActionPreference = 'Stop'
$command = Get-Command -Name 'Get-ClusterGroup' -ErrorAction SilentlyContinue
if ($null -ne $command) {
    foreach ($group in @(Get-ClusterGroup -Name $Name -ErrorAction SilentlyContinue)) {
        [pscustomobject]@{ Name = $group.Name; Node = [string]$group.OwnerNode }
    }
}
