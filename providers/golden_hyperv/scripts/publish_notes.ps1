# What golden wrote down before it began to publish.
param(
    [Parameter(Mandatory)] [string] $Folder
)
$ErrorActionPreference = 'Stop'
if ([System.IO.Directory]::Exists($Folder)) {
    foreach ($file in [System.IO.Directory]::GetFiles($Folder, '*.golden.json')) {
        [pscustomobject]@{ Path = $file; Text = [System.IO.File]::ReadAllText($file) }
    }
}
