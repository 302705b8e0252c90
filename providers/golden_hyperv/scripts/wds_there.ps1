# Which of some install images are in an image group: their numbers. How WDS says that there is none is not documented; so
# absent is what it calls so, or what the list of all images, which has to be readable then, does not have.
param(
    [Parameter(Mandatory)] [string] $Group,
    [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Name
)
$ErrorActionPreference = 'Stop'
$number = 0
foreach ($one in $Name) {
    $file = $one + '.wim'
    $found = $null
    try {
        $found = Get-WdsInstallImage -ImageGroup $Group -ImageName $one -FileName $file -ErrorAction Stop
    } catch {
        if ([string]$_.CategoryInfo.Category -ne 'ObjectNotFound') {
            foreach ($other in @(Get-WdsInstallImage -ErrorAction Stop)) {
                if ([string]$other.ImageGroup -eq $Group -and [string]$other.FileName -eq $file) {
                    throw
                }
            }
        }
    }
    if ($null -ne $found) {
        $number
    }
    $number = $number + 1
}
