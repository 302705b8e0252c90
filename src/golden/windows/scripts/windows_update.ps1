# One round of Windows Update: search, download, install what the categories ask for; restarts nothing. Must run as local
# work, since the update agent refuses the tokens of remote logons (docs/facts: windows 5.7).
# Parameters: categories (names, or "all"). Result: {"ok", "why", "code", "found", "installed": [titles], "failed": [{"title",
# "code"}], "restart", "domain"}: the domain that this Windows is a member of, empty where it is in a workgroup; a member
# is not updated at all. Which number a category has is unconfirmed; one that matches nothing installs nothing.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
$numbers = @{
    'critical'      = 'e6cf1350-c01b-414d-a61f-263d14d133b4'
    'definitions'   = 'e0789628-ce08-4437-be74-2495b842f43b'
    'drivers'       = 'ebfc1fc5-71a4-4f7b-9aca-3b9a503104a0'
    'rollups'       = '28bc880e-0592-4cbf-8f95-c79b17911d5f'
    'security'      = '0fa1201d-4330-4fa8-8ae9-b877473b6441'
    'service-packs' = '68c5b0a3-d1a6-4553-ae49-01d3a7827828'
    'updates'       = 'cd5ffd1e-e932-4e3a-bf74-18bf0b1bbd83'
}
function Get-Domain {
    $computer = Get-CimInstance -ClassName 'Win32_ComputerSystem'
    if ($computer.PartOfDomain) { return [string]$computer.Domain }
    return ''
}
$answer = @{ ok = $true; why = ''; code = 0; found = 0; installed = @(); failed = @(); restart = $false; domain = '' }
try {
    $answer.domain = Get-Domain
    if ($answer.domain) {
        [System.IO.File]::WriteAllText($Result, ($answer | ConvertTo-Json -Compress -Depth 4))
        exit 0
    }
    $wanted = @($p.categories | Where-Object { $_ -ne 'all' } | ForEach-Object { $numbers[$_] })
    $session = New-Object -ComObject Microsoft.Update.Session
    $met = $session.CreateUpdateSearcher().Search('IsInstalled=0 and IsHidden=0')
    $chosen = New-Object -ComObject Microsoft.Update.UpdateColl
    foreach ($update in $met.Updates) {
        $of = @($update.Categories | ForEach-Object { $_.CategoryID })
        $is = $wanted.Count -eq 0 -or @($of | Where-Object { $wanted -contains $_ }).Count -gt 0
        if ($is -and -not $update.InstallationBehavior.CanRequestUserInput) {
            if (-not $update.EulaAccepted) { $update.AcceptEula() }
            $null = $chosen.Add($update)
        }
    }
    $answer.found = $chosen.Count
    if ($chosen.Count -gt 0) {
        $downloader = $session.CreateUpdateDownloader()
        $downloader.Updates = $chosen
        $null = $downloader.Download()
        $installer = $session.CreateUpdateInstaller()
        $installer.Updates = $chosen
        $done = $installer.Install()
        for ($i = 0; $i -lt $chosen.Count; $i++) {
            $each = $done.GetUpdateResult($i)
            $title = [string]$chosen.Item($i).Title
            if ($each.ResultCode -in 2, 3) { $answer.installed += $title }
            else { $answer.failed += @{ title = $title; code = $each.HResult } }
        }
        $answer.restart = [bool]$done.RebootRequired
    }
    $answer.domain = Get-Domain
}
catch {
    $answer.ok = $false
    $answer.why = [string]$_.Exception.Message
    $answer.code = $_.Exception.HResult
}
[System.IO.File]::WriteAllText($Result, ($answer | ConvertTo-Json -Compress -Depth 4))
exit 0
