# Take files and folders of golden's away, read-only ones too; absent is success. The paths come from golden's records.
param(
    [Parameter(Mandatory)] [string[]] $Path
)
$ErrorActionPreference = 'Stop'
foreach ($one in $Path) {
    if (Test-Path -LiteralPath $one) {
        Remove-Item -LiteralPath $one -Recurse -Force
    }
}
