# Start a program that goes on when this session ends: a child of the guest's own management service.
# Its number, or the code of Win32_Process.Create (2 denied, 3 no privilege, 8 unknown, 9 no such path, 21 wrong).
param([Parameter(Mandatory)][string]$CommandLine, [string]$Folder = '', [string[]]$Environment = @(), [string[]]$Names = @())
$ErrorActionPreference = 'Stop'
try {
    $arguments = @{ CommandLine = $CommandLine }
    if ($Folder -ne '') {
        $arguments['CurrentDirectory'] = $Folder
    }
    if ($Environment.Count -gt 0) {
        # What is given here replaces the whole environment, so the guest's own goes with it.
        $all = @($Environment)
        foreach ($variable in Get-ChildItem -LiteralPath 'Env:') {
            if ($Names -notcontains $variable.Name) {
                $all += $variable.Name + '=' + $variable.Value
            }
        }
        $arguments['ProcessStartupInformation'] = New-CimInstance -ClassName 'Win32_ProcessStartup' -ClientOnly -Property @{
            EnvironmentVariables = [string[]]$all
        }
    }
    $answer = Invoke-CimMethod -ClassName 'Win32_Process' -MethodName 'Create' -Arguments $arguments
    [pscustomobject]@{ Failed = ''; Code = $answer.ReturnValue; Process = $answer.ProcessId }
} catch {
    [pscustomobject]@{ Failed = $_.Exception.Message; Code = -1; Process = 0 }
}
