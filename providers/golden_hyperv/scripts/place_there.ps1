# Whether a file or folder that was not met is absent, or its drive or cluster volume is: that is an error, as is what may
# not be looked at. Nothing is written.
param(
    [Parameter(Mandatory)] [string] $Path
)
$ErrorActionPreference = 'Stop'
$root = [System.IO.Path]::GetPathRoot($Path)
if ($Path -match '^[A-Za-z]:\\ClusterStorage\\[^\\]+') {
    $root = $Matches[0]
}
try {
    $null = Get-Item -LiteralPath $root -Force
} catch {
    # A root that may not be looked at is there; what lies below it may be golden's all the same.
    if ([string]$_.CategoryInfo.Category -ne 'PermissionDenied') {
        throw
    }
}
try {
    $null = Get-Item -LiteralPath $Path -Force
} catch {
    if ([string]$_.CategoryInfo.Category -ne 'ObjectNotFound') {
        throw
    }
}
