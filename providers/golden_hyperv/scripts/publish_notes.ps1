# What golden wrote down before it began to publish. A record that goes or is replaced at this moment is no error: one that
# is gone is not told, one that is being replaced is read again. Where a replacement was cut off half-way only the old one
# is there, with its name for the way: that counts.
param(
    [Parameter(Mandatory)] [string] $Folder
)
$ErrorActionPreference = 'Stop'
$files = @()
try {
    $files = @([System.IO.Directory]::GetFiles($Folder, '*.golden.json'))
    foreach ($beside in [System.IO.Directory]::GetFiles($Folder, '*.golden.json.*.old')) {
        $file = $beside.Substring(0, $beside.LastIndexOf('.golden.json.') + 12)
        if ($files -notcontains $file) {
            $files += $file
        }
    }
} catch [System.IO.DirectoryNotFoundException] {
    $null = $Folder # Nothing was published from here yet; what may not be looked at is an error.
}
foreach ($file in $files) {
    $text = $null
    $tries = 5
    while ($null -eq $text -and $tries -gt 0) {
        $tries = $tries - 1
        try {
            if ([System.IO.File]::Exists($file)) {
                $text = [System.IO.File]::ReadAllText($file)
            } else {
                foreach ($beside in [System.IO.Directory]::GetFiles($Folder, [System.IO.Path]::GetFileName($file) + '.*.old')) {
                    $text = [System.IO.File]::ReadAllText($beside)
                }
            }
        } catch [System.IO.IOException] {
            if ($tries -eq 0 -and [System.IO.File]::Exists($file)) {
                throw
            }
        }
        if ($null -eq $text) {
            Start-Sleep -Milliseconds 50
        }
    }
    if ($null -ne $text) {
        [pscustomobject]@{ Path = $file; Text = $text }
    }
}
