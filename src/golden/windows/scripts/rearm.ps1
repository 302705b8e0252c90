# How often this Windows may still be rearmed, and how it is licensed; by CIM and never by the words of slmgr, which
# are translated (facts/windows.md 2.2). Parameters: none. Result: windows (the counter of Windows), sku (the counter
# of the edition), status, reason, channel, product, description, grace (minutes); null where Windows does not tell.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$ours = "ApplicationID='55c92734-d682-4d71-983e-d6ec3f16059f' AND PartialProductKey IS NOT NULL"
$service = Get-CimInstance -ClassName SoftwareLicensingService
$product = Get-CimInstance -ClassName SoftwareLicensingProduct -Filter $ours | Select-Object -First 1
function Get-Value($from, [string]$name) {
    if ($null -eq $from -or $null -eq $from.PSObject.Properties[$name]) { return $null }
    return $from.$name
}
$answer = @{
    windows     = Get-Value $service 'RemainingWindowsReArmCount'
    sku         = Get-Value $product 'RemainingSkuReArmCount'
    status      = Get-Value $product 'LicenseStatus'
    reason      = Get-Value $product 'LicenseStatusReason'
    channel     = Get-Value $product 'ProductKeyChannel'
    product     = Get-Value $product 'Name'
    description = Get-Value $product 'Description'
    grace       = Get-Value $product 'GracePeriodRemaining'
}
[System.IO.File]::WriteAllText($Result, ($answer | ConvertTo-Json -Compress))
exit 0
