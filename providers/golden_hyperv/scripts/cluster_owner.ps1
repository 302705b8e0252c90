# Which node of a failover cluster a machine runs on; nothing where this host is no node, or there is no such role.
# A node has the service ClusSvc, and it is not disabled there (MS-CMRP 3.1.4); elsewhere the cluster's commands may be
# installed too, and fail. A role is known by the machine's id, where that is known: SCVMM and people call roles otherwise.
param(
    [Parameter(Mandatory)] [string] $Name,
    [string] $Id = ''
)
$ErrorActionPreference = 'Stop'
$service = Get-Service -Name 'ClusSv*' | Where-Object -Property 'Name' -EQ -Value 'ClusSvc'
if (($null -ne $service) -and ([string]$service.StartType -ne 'Disabled')) {
    if ($Id -ne '') {
        foreach ($resource in @(Get-ClusterResource)) {
            if ([string]$resource.ResourceType -eq 'Virtual Machine') {
                foreach ($parameter in @(Get-ClusterParameter -InputObject $resource -Name 'VmID')) {
                    if ([string]$parameter.Value -eq $Id) {
                        [pscustomobject]@{ Node = [string]$resource.OwnerNode }
                    }
                }
            }
        }
    }
    foreach ($group in @(Get-ClusterGroup)) {
        if (@($Name, ('SCVMM ' + $Name + ' Resources')) -contains $group.Name) {
            [pscustomobject]@{ Node = [string]$group.OwnerNode }
        }
    }
}
