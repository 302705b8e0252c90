# Virtual hard disks whose file lies below a path of a library share, and templates with golden's note, in flat objects.
param(
    [Parameter(Mandatory)] [string] $Prefix,
    [Parameter(Mandatory)] [string] $Mark
)
$ErrorActionPreference = 'Stop'
foreach ($disk in @(Get-SCVirtualHardDisk)) {
    $path = [string]$disk.SharePath
    if ($path.StartsWith($Prefix, 'OrdinalIgnoreCase')) {
        $modified = [long]0
        if ($null -ne $disk.ModifiedTime) {
            $modified = $disk.ModifiedTime.Ticks
        }
        [pscustomobject]@{
            Kind = 'disk'
            Id = [string]$disk.ID
            Name = [string]$disk.Name
            Path = $path
            Family = [string]$disk.FamilyName
            Release = [string]$disk.Release
            Description = [string]$disk.Description
            Enabled = [bool]$disk.Enabled
            State = [string]$disk.State
            Size = [long]$disk.Size
            Modified = $modified
        }
    }
}
foreach ($template in @(Get-SCVMTemplate)) {
    $description = [string]$template.Description
    if ($description.Contains($Mark)) {
        [pscustomobject]@{
            Kind = 'template'
            Id = [string]$template.ID
            Name = [string]$template.Name
            Description = $description
            Enabled = [bool]$template.Enabled
        }
    }
}
