# Bytes free on the volume a folder lies on, a cluster's shared volume too.
param(
    [Parameter(Mandatory)] [string] $Folder
)
$ErrorActionPreference = 'Stop'
$null = [System.IO.Directory]::CreateDirectory($Folder)
$volume = Get-Volume -FilePath $Folder -ErrorAction Stop
[pscustomobject]@{ Free = $volume.SizeRemaining }
