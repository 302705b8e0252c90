# Take files and folders of golden's away, read-only ones too; absent is success. The paths come from golden's records.
param(
    [Parameter(Mandatory)] [string[]] $Path
)
$ErrorActionPreference = 'Stop'
foreach ($one in $Path) {
    $there = $true
    try {
        $null = Get-Item -LiteralPath $one -Force
    } catch {
        # Test-Path would say of what may not be looked at that it is not there. A drive that is not there is no absence.
        if (([string]$_.CategoryInfo.Category -ne 'ObjectNotFound') -or $_.FullyQualifiedErrorId.StartsWith('DriveNotFound')) {
            throw
        }
        $there = $false
    }
    if ($there) {
        Remove-Item -LiteralPath $one -Recurse -Force
    }
}
