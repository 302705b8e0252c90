# golden's records below its folder, or the one with a name: files NAME.golden.json beside what they are about.
# One that goes while they are listed is told by nobody; one that is replaced at this moment is read again. Where a
# replacement was cut off half-way only the old one is there, with its name for the way: that counts.
param(
    [Parameter(Mandatory)] [string] $Folder,
    [string] $Name = '*'
)
$ErrorActionPreference = 'Stop'
foreach ($kind in @('machines', 'images')) {
    $place = [System.IO.Path]::Combine($Folder, $kind)
    $files = @()
    try {
        $files = @([System.IO.Directory]::GetFiles($place, $Name + '.golden.json'))
        foreach ($beside in [System.IO.Directory]::GetFiles($place, $Name + '.golden.json.*.old')) {
            $file = $beside.Substring(0, $beside.LastIndexOf('.golden.json.') + 12)
            if ($files -notcontains $file) {
                $files += $file
            }
        }
    } catch [System.IO.DirectoryNotFoundException] {
        $null = $place # No such thing was made here yet; what may not be looked at is an error.
    }
    foreach ($file in $files) {
        $text = $null
        $tries = 6
        while (($null -eq $text) -and ($tries -gt 0)) {
            $tries = $tries - 1
            try {
                $text = [System.IO.File]::ReadAllText($file)
            } catch [System.IO.FileNotFoundException], [System.IO.DirectoryNotFoundException] {
                Start-Sleep -Milliseconds 50
            } catch [System.IO.IOException] {
                if ($tries -eq 0) {
                    throw
                }
                Start-Sleep -Milliseconds 50
            }
        }
        if ($null -eq $text) {
            foreach ($beside in [System.IO.Directory]::GetFiles($place, [System.IO.Path]::GetFileName($file) + '.*.old')) {
                $text = [System.IO.File]::ReadAllText($beside)
            }
        }
        if ($null -ne $text) {
            [pscustomobject]@{ Kind = $kind; Path = $file; Text = $text }
        }
    }
}
