# A user's machine as it is now, in flat objects, touching nothing: what decides whether golden may copy it.
param(
    [Parameter(Mandatory)] [string] $Name
)
$ErrorActionPreference = 'Stop'
foreach ($vm in @(Get-VM -Name $Name -ErrorAction SilentlyContinue)) {
    if ($vm.Name -eq $Name) {
        $security = $null
        $firmware = $null
        if ($vm.Generation -eq 2) {
            $security = Get-VMSecurity -VM $vm
            $firmware = Get-VMFirmware -VM $vm
        }
        [pscustomobject]@{
            Kind = 'machine'
            Id = $vm.Id
            Name = $vm.Name
            State = [string]$vm.State
            Generation = $vm.Generation
            Memory = $vm.MemoryStartup
            Processors = $vm.ProcessorCount
            Clustered = [bool]$vm.IsClustered
            Shielded = [bool]$security.Shielded
            Tpm = [bool]$security.TpmEnabled
            SecureBoot = [string]$firmware.SecureBoot
            SecureBootTemplate = [string]$firmware.SecureBootTemplate
        }
        foreach ($snapshot in @(Get-VMSnapshot -VM $vm)) {
            [pscustomobject]@{ Kind = 'checkpoint'; Id = $vm.Id; Name = $snapshot.Name }
        }
        foreach ($drive in @(Get-VMHardDiskDrive -VM $vm)) {
            $number = -1
            if ($null -ne $drive.DiskNumber) {
                $number = $drive.DiskNumber
            }
            [pscustomobject]@{
                Kind = 'drive'
                Id = $vm.Id
                Path = [string]$drive.Path
                Controller = [string]$drive.ControllerType
                Number = $drive.ControllerNumber
                Location = $drive.ControllerLocation
                Physical = $number
                Shared = [bool]$drive.SupportPersistentReservations
            }
        }
        foreach ($service in @(Get-VMIntegrationService -VM $vm)) {
            [pscustomobject]@{ Kind = 'service'; Id = $vm.Id; Service = [string]$service.Id; On = [bool]$service.Enabled }
        }
    }
}
