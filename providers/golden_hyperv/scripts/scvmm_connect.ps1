# Connect this shell to a VMM server; whatever later commands in it need a server use this connection. The module comes
# with the VMM console; that it is missing is told, not thrown.
param(
    [Parameter(Mandatory)] [string] $Server,
    [Parameter(Mandatory)] [int] $Port,
    [pscredential] $Credential,
    [string] $Role
)
$ErrorActionPreference = 'Stop'
$modules = @(Get-Module -ListAvailable -Name 'VirtualMachineManager')
if ($modules.Count -eq 0) {
    [pscustomobject]@{ Module = ''; Name = '' }
} else {
    Import-Module -Name 'VirtualMachineManager'
    $wanted = @{ ComputerName = $Server; TCPPort = $Port }
    if ($null -ne $Credential) {
        $wanted.Credential = $Credential
    }
    if ($Role) {
        $wanted.UserRoleName = $Role
    }
    $connection = Get-SCVMMServer @wanted
    [pscustomobject]@{ Module = [string]$modules[0].Version; Name = [string]$connection.Name }
}
