# Puts a certificate into a store of this computer, or tells whether it is there (docs/facts: windows 5.6, 8.2).
# Parameters: action (add | ask), store (Root, CA, TrustedPublisher, ...), path (of the file; add only), thumbprint.
# Result: {"there": true | false}.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
$store = New-Object System.Security.Cryptography.X509Certificates.X509Store($p.store, 'LocalMachine')
$store.Open('ReadWrite')
try {
    if ($p.action -eq 'add') {
        $store.Add((New-Object System.Security.Cryptography.X509Certificates.X509Certificate2($p.path)))
    }
    $there = $store.Certificates.Find('FindByThumbprint', $p.thumbprint, $false).Count -gt 0
}
finally { $store.Close() }
[System.IO.File]::WriteAllText($Result, (@{ there = [bool]$there } | ConvertTo-Json -Compress))
exit 0
