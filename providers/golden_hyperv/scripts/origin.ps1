# A user's machine as it is now, in flat objects, touching nothing: what decides whether golden may copy it.
param(
    [Parameter(Mandatory)] [string] $Name
)
$ErrorActionPreference = 'Stop'
try {
    $found = @(Get-VM -Name $Name -ErrorAction Stop)
} catch {
    # No document tells the error for a machine that is not there from others: the list of all machines does.
    $found = @(Get-VM -ErrorAction Stop | Where-Object -Property 'Name' -EQ -Value $Name)
}
foreach ($vm in $found) {
    if ($vm.Name -eq $Name) {
        $memory = Get-VMMemory -VM $vm
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
            Dynamic = [bool]$memory.DynamicMemoryEnabled
            Minimum = $memory.Minimum
            Maximum = $memory.Maximum
            Buffer = $memory.Buffer
            Processors = $vm.ProcessorCount
            Clustered = [bool]$vm.IsClustered
            Replication = [string]$vm.ReplicationMode
            Shielded = [bool]$security.Shielded
            Tpm = [bool]$security.TpmEnabled
            SecureBoot = [string]$firmware.SecureBoot
            SecureBootTemplate = [string]$firmware.SecureBootTemplate
        }
        if ($null -ne $firmware) {
            foreach ($source in @($firmware.BootOrder)) {
                [pscustomobject]@{
                    Kind = 'boot'
                    Id = $vm.Id
                    Type = [string]$source.BootType
                    Path = [string]$source.Device.Path
                    Firmware = [string]$source.FirmwarePath
                }
            }
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
