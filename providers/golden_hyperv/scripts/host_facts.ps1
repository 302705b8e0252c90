# What golden has to know of a host before it works on it: its name, its switches, and whether machines there
# can be told to make no checkpoints by themselves (not on Windows Server 2016). The session takes the Hyper-V module's
# commands from here on: VMware PowerCLI has some of the same names, and what a session has loaded comes before what it
# would find by itself (about_Command_Precedence).
param()
$ErrorActionPreference = 'Stop'
if ($null -ne (Get-Command -Name 'Import-Module' -ErrorAction SilentlyContinue)) {
    Import-Module -Name 'Hyper-V' -ErrorAction SilentlyContinue
}
$own = Get-VMHost
$command = Get-Command -Name 'Set-VM'
[pscustomobject]@{
    Kind = 'host'
    Name = $own.ComputerName
    Source = [string]$command.Source
    AutomaticCheckpoints = $command.Parameters.ContainsKey('AutomaticCheckpointsEnabled')
}
foreach ($network in @(Get-VMSwitch)) {
    [pscustomobject]@{ Kind = 'switch'; Name = $network.Name; Type = [string]$network.SwitchType }
}
