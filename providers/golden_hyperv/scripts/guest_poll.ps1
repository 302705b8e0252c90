# Whether a process of a guest is there.
param(
    [Parameter(Mandatory)] [guid] $VMId,
    [Parameter(Mandatory)] [pscredential] $Credential,
    [Parameter(Mandatory)] [int] $Process
)
$ErrorActionPreference = 'Stop'
Invoke-Command -VMId $VMId -Credential $Credential -ArgumentList $Process -ScriptBlock {
    param([int] $Process)
    $ErrorActionPreference = 'Stop'
    try {
        $found = @(Get-Process | Where-Object -Property 'Id' -EQ -Value $Process)
        [pscustomobject]@{ Failed = ''; Running = ($found.Count -gt 0) }
    } catch {
        [pscustomobject]@{ Failed = $_.Exception.Message; Running = $true }
    }
}
