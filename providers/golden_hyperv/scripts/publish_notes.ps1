# What golden wrote down before it began to publish. A record that goes or is replaced at this moment is no error: one that
# is gone is not told, one that is being replaced is read again.
param(
    [Parameter(Mandatory)] [string] $Folder
)
$ErrorActionPreference = 'Stop'
if ([System.IO.Directory]::Exists($Folder)) {
    foreach ($file in [System.IO.Directory]::GetFiles($Folder, '*.golden.json')) {
        $text = $null
        $tries = 5
        while ($null -eq $text -and [System.IO.File]::Exists($file)) {
            try {
                $text = [System.IO.File]::ReadAllText($file)
            } catch {
                $tries = $tries - 1
                if ($tries -eq 0) {
                    throw
                }
                Start-Sleep -Milliseconds 100
            }
        }
        if ($null -ne $text) {
            [pscustomobject]@{ Path = $file; Text = $text }
        }
    }
}
