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
foreach ($one in @($root, $Path)) {
    try {
        $null = Get-Item -LiteralPath $one -Force
    } catch {
        if (($one -eq $root) -or ([string]$_.CategoryInfo.Category -ne 'ObjectNotFound')) {
            throw
        }
    }
}
