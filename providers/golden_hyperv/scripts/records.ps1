# golden's records below its folder, or the one with a name: files NAME.golden.json beside what they are about.
param(
    [Parameter(Mandatory)] [string] $Folder,
    [string] $Name = '*'
)
$ErrorActionPreference = 'Stop'
foreach ($kind in @('machines', 'images')) {
    $place = [System.IO.Path]::Combine($Folder, $kind)
    if ([System.IO.Directory]::Exists($place)) {
        foreach ($file in [System.IO.Directory]::GetFiles($place, $Name + '.golden.json')) {
            [pscustomobject]@{ Kind = $kind; Path = $file; Text = [System.IO.File]::ReadAllText($file) }
        }
    }
}
