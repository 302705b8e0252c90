# Have the host's own management service copy a disk with its whole chain into one file. What it begins goes on
# without this session; it is found again by the job's id.
param(
    [Parameter(Mandatory)] [string] $Source,
    [Parameter(Mandatory)] [string] $Setting
)
$ErrorActionPreference = 'Stop'
$service = Get-CimInstance -Namespace 'root/virtualization/v2' -ClassName 'Msvm_ImageManagementService'
$answer = Invoke-CimMethod -InputObject $service -MethodName 'ConvertVirtualHardDisk' -Arguments @{
    SourcePath = $Source
    VirtualDiskSettingData = $Setting
}
$job = ''
if ($null -ne $answer.Job) {
    $job = [string]$answer.Job.InstanceID
}
[pscustomobject]@{ Code = $answer.ReturnValue; Job = $job }
