# Which node of a failover cluster a machine runs on; nothing where this host is no node, or there is no such role.
# A node has the service ClusSvc, and it is not disabled there (MS-CMRP 3.1.4); elsewhere the cluster's commands may be
# installed too, and fail.
param(
    [Parameter(Mandatory)] [string] $Name
)
$ErrorActionPreference = 'Stop'
$service = Get-Service -Name 'ClusSv*' | Where-Object -Property 'Name' -EQ -Value 'ClusSvc'
if (($null -ne $service) -and ([string]$service.StartType -ne 'Disabled')) {
    foreach ($group in @(Get-ClusterGroup)) {
        if ($group.Name -eq $Name) {
            [pscustomobject]@{ Name = $group.Name; Node = [string]$group.OwnerNode }
        }
    }
}
