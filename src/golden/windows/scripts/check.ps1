# Asks a running Windows everything that golden's checks want to know, in one run (docs/facts: windows 2.2, 3.2, 5.8).
# Parameters: keys[] {key, names[], below, of_below[], present[]} below HKLM, files[] below the system drive, providers[] keys whose
# values are "DLL,entry point", account (may be empty), only[] names of sections (empty: all).
# Result: {sections: {NAME: {ok: true, value: ...} or {ok: false, error: "..."}}}. Every section is guarded by itself, so
# one that fails hides no other. No value is told that was not asked for, and of those in present only whether it is empty.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
$sections = @{}

function Add-Section([string]$name, [scriptblock]$ask) {
    if (@($p.only).Count -gt 0 -and @($p.only) -notcontains $name) { return }
    try { $sections[$name] = @{ ok = $true; value = (& $ask) } }
    catch { $sections[$name] = @{ ok = $false; error = [string]$_.Exception.Message } }
}

function Get-Instance([string]$class, [string]$namespace) {
    if (Get-Command Get-CimInstance -ErrorAction SilentlyContinue) { return Get-CimInstance -ClassName $class -Namespace $namespace }
    return Get-WmiObject -Class $class -Namespace $namespace
}

function Get-Asked($item, $names) {
    $found = @{}
    foreach ($name in $item.GetValueNames()) {
        if (@($names) -notcontains '*' -and @($names) -notcontains $name) { continue }
        $value = $item.GetValue($name)
        if ($value -is [byte[]]) { $value = $true }
        $found[$name] = $value
    }
    return $found
}

Add-Section 'registry' {
    $answer = @{}
    foreach ($asked in $p.keys) {
        $path = 'HKLM:\' + $asked.key
        if (-not (Test-Path -LiteralPath $path)) { $answer[$asked.key] = $null; continue }
        $item = Get-Item -LiteralPath $path
        $below = @{}
        if ($asked.below) {
            foreach ($name in $item.GetSubKeyNames()) {
                $below[$name] = @{}
                if (@($asked.of_below).Count -gt 0) {
                    $child = $item.OpenSubKey($name)
                    if ($null -ne $child) { $below[$name] = Get-Asked $child $asked.of_below; $child.Close() }
                }
            }
        }
        $values = Get-Asked $item $asked.names
        foreach ($name in @($asked.present)) { if ($null -ne $name) { $values[$name] = [bool]$item.GetValue($name) } }
        $answer[$asked.key] = @{ values = $values; below = $below }
    }
    $answer
}

Add-Section 'files' {
    $answer = @{}
    foreach ($file in $p.files) {
        $answer[$file] = Test-Path -LiteralPath (Join-Path ($env:SystemDrive + '\') $file) -PathType Leaf
    }
    $answer
}

Add-Section 'providers' {
    $found = @()
    foreach ($key in $p.providers) {
        $path = 'HKLM:\' + $key
        if (-not (Test-Path -LiteralPath $path)) { continue }
        $item = Get-Item -LiteralPath $path
        foreach ($name in $item.GetValueNames()) {
            $data = [string]$item.GetValue($name)
            if ($data.Trim() -eq '') { continue }
            $comma = $data.LastIndexOf(',')
            $library = $data
            if ($comma -gt 0) { $library = $data.Substring(0, $comma) }
            $library = [System.Environment]::ExpandEnvironmentVariables($library.Trim().Trim('"'))
            if (-not [System.IO.Path]::IsPathRooted($library)) { $library = Join-Path (Join-Path $env:windir 'System32') $library }
            $found += @{ phase = ($key -split '\\')[-1]; data = $data; there = (Test-Path -LiteralPath $library -PathType Leaf) }
        }
    }
    @{ list = $found }
}

Add-Section 'appx' {
    $installed = @()
    foreach ($package in Get-AppxPackage -AllUsers) {
        $users = @()
        foreach ($user in $package.PackageUserInformation) {
            $users += @{ sid = [string]$user.UserSecurityId.Sid; state = [string]$user.InstallState }
        }
        $installed += @{
            name = [string]$package.Name; full = [string]$package.PackageFullName; version = [string]$package.Version
            framework = [bool]$package.IsFramework; fixed = [bool]$package.NonRemovable
            signature = [string]$package.SignatureKind; users = $users
        }
    }
    $provisioned = @()
    foreach ($package in Get-AppxProvisionedPackage -Online) {
        $provisioned += @{ name = [string]$package.DisplayName; version = [string]$package.Version }
    }
    @{ installed = $installed; provisioned = $provisioned }
}

Add-Section 'bitlocker' {
    if (Get-Command Get-BitLockerVolume -ErrorAction SilentlyContinue) {
        $volume = Get-BitLockerVolume -MountPoint $env:SystemDrive
        if ([string]$volume.VolumeStatus -eq '') { throw 'Get-BitLockerVolume tells no status of the system volume' }
        @{ decrypted = ([string]$volume.VolumeStatus -eq 'FullyDecrypted'); status = [string]$volume.VolumeStatus }
    }
    else {
        $volume = Get-Instance 'Win32_EncryptableVolume' 'root\cimv2\Security\MicrosoftVolumeEncryption' |
            Where-Object { $_.DriveLetter -eq $env:SystemDrive }
        if ($null -eq $volume) { throw 'the system volume is not among the volumes that BitLocker knows' }
        # Older systems have no such property, only the method (Microsoft: Win32_EncryptableVolume).
        $conversion = $volume.ConversionStatus
        if ($null -eq $conversion) {
            if (Get-Command Invoke-CimMethod -ErrorAction SilentlyContinue) {
                $conversion = (Invoke-CimMethod -InputObject $volume -MethodName 'GetConversionStatus').ConversionStatus
            }
            else { $conversion = $volume.GetConversionStatus().ConversionStatus }
        }
        if ($null -eq $conversion) { throw 'Windows does not tell whether the system volume is encrypted' }
        @{ decrypted = ($conversion -eq 0); status = 'ConversionStatus ' + [string]$conversion }
    }
}

Add-Section 'servicing' {
    $busy = @()
    foreach ($process in @(Get-Process -Name 'TiWorker', 'TrustedInstaller' -ErrorAction SilentlyContinue)) {
        $busy += [string]$process.ProcessName
    }
    $updating = @()
    $service = Get-Service -Name 'wuauserv' -ErrorAction SilentlyContinue
    if ($null -ne $service -and [string]$service.Status -eq 'Running') { $updating += 'wuauserv' }
    foreach ($process in @(Get-Process -Name 'MoUsoCoreWorker', 'UsoCoreWorker' -ErrorAction SilentlyContinue)) {
        $updating += [string]$process.ProcessName
    }
    @{ processes = $busy; updating = $updating }
}

Add-Section 'domain' {
    $computer = Get-Instance 'Win32_ComputerSystem' 'root\cimv2'
    @{ joined = [bool]$computer.PartOfDomain; domain = [string]$computer.Domain }
}

Add-Section 'rearm' {
    $service = Get-Instance 'SoftwareLicensingService' 'root\cimv2'
    $sku = $null
    $channel = ''
    foreach ($product in Get-Instance 'SoftwareLicensingProduct' 'root\cimv2') {
        if ([string]$product.ApplicationID -eq '55c92734-d682-4d71-983e-d6ec3f16059f' -and $product.PartialProductKey) {
            $sku = $product.RemainingSkuReArmCount
            $channel = [string]$product.ProductKeyChannel
        }
    }
    @{ windows = $service.RemainingWindowsReArmCount; sku = $sku; channel = $channel }
}

Add-Section 'roles' {
    if (-not (Get-Command Get-WindowsFeature -ErrorAction SilentlyContinue)) {
        $system = Get-Instance 'Win32_OperatingSystem' 'root\cimv2'
        if ($system.ProductType -ne 1) { throw 'this server has no command Get-WindowsFeature' }
        @{ installed = @() }
    }
    else {
        $names = @()
        foreach ($feature in Get-WindowsFeature) { if ($feature.Installed) { $names += [string]$feature.Name } }
        @{ installed = $names }
    }
}

Add-Section 'way-in' {
    $identity = [System.Security.Principal.WindowsIdentity]::GetCurrent()
    $elevated = ([System.Security.Principal.WindowsPrincipal]$identity).IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)
    @{ way_in = [string]$identity.Name; elevated = [bool]$elevated }
}

# By ADSI, as start_task.ps1: the commands for local accounts came with PowerShell 5.1, and the one for a group's members
# fails where one of them is known by its SID alone.
Add-Section 'account' {
    $answer = @{ exists = $null; enabled = $null; administrator = $null }
    if ($p.account) {
        $name = ($p.account -split '\\')[-1]
        $computer = [ADSI]('WinNT://' + $env:COMPUTERNAME)
        $user = $computer.Children | Where-Object { $_.SchemaClassName -eq 'User' -and $_.Name -eq $name }
        $answer.exists = $null -ne $user
        if ($null -ne $user) {
            # ADS_UF_ACCOUNTDISABLE
            $answer.enabled = (([int]$user.UserFlags.Value) -band 2) -eq 0
            $sid = New-Object System.Security.Principal.SecurityIdentifier 'S-1-5-32-544'
            $whole = $sid.Translate([System.Security.Principal.NTAccount]).Value
            $group = $computer.Children.Find($whole.Split('\')[-1], 'Group')
            $answer.administrator = [bool]$group.IsMember($user.Path)
        }
    }
    $answer
}

Add-Section 'media' {
    $found = @()
    foreach ($disk in Get-Instance 'Win32_LogicalDisk' 'root\cimv2') {
        if (@(2, 5) -notcontains $disk.DriveType -or -not $disk.Size) { continue }
        $answers = @()
        foreach ($name in 'Autounattend.xml', 'Unattend.xml') {
            $path = Join-Path ([string]$disk.DeviceID + '\') $name
            if (Test-Path -LiteralPath $path -PathType Leaf) { $answers += $path }
        }
        $found += @{ drive = [string]$disk.DeviceID; name = [string]$disk.VolumeName; answers = $answers }
    }
    @{ list = $found }
}

Add-Section 'configmgr' {
    $client = Get-Instance '__Namespace' 'root' | Where-Object { $_.Name -eq 'ccm' }
    if ($null -eq $client) { @{ client = $false; pending = $false } }
    else {
        $told = Invoke-CimMethod -Namespace 'root\ccm\clientsdk' -ClassName 'CCM_ClientUtilities' -MethodName 'DetermineIfRebootPending'
        @{ client = $true; pending = [bool]($told.RebootPending -or $told.IsHardRebootPending) }
    }
}

[System.IO.File]::WriteAllText($Result, (@{ sections = $sections } | ConvertTo-Json -Compress -Depth 8))
exit 0
