# What golden has to know of a host before it works on it: its name, its switches, and whether machines there
# can be told to make no checkpoints by themselves (not on Windows Server 2016).
param()
$ErrorActionPreference = 'Stop'
$own = Get-VMHost
$command = Get-Command -Name 'Set-VM'
[pscustomobject]@{
    Kind = 'host'
    Name = $own.ComputerName
    AutomaticCheckpoints = $command.Parameters.ContainsKey('AutomaticCheckpointsEnabled')
}
foreach ($network in @(Get-VMSwitch)) {
    [pscustomobject]@{ Kind = 'switch'; Name = $network.Name; Type = [string]$network.SwitchType }
}
