# Which of some install images are in an image group: their numbers.
param(
    [Parameter(Mandatory)] [string] $Group,
    [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Name
)
$ErrorActionPreference = 'Stop'
$number = 0
foreach ($one in $Name) {
    $found = Get-WdsInstallImage -ImageGroup $Group -ImageName $one -FileName ($one + '.wim') -ErrorAction SilentlyContinue
    if ($null -ne $found) {
        $number
    }
    $number = $number + 1
}
