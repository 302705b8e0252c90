# A piece of a file in a guest, in Base64.
param(
    [Parameter(Mandatory)] [guid] $VMId,
    [Parameter(Mandatory)] [pscredential] $Credential,
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [long] $Offset,
    [Parameter(Mandatory)] [int] $Size
)
$ErrorActionPreference = 'Stop'
Invoke-Command -VMId $VMId -Credential $Credential -ArgumentList $Path, $Offset, $Size -ScriptBlock {
    param([string] $Path, [long] $Offset, [int] $Size)
    $ErrorActionPreference = 'Stop'
    try {
        if ([System.IO.File]::Exists($Path)) {
            $stream = [System.IO.File]::Open($Path, 'Open', 'Read', 'ReadWrite')
            try {
                $buffer = New-Object byte[] $Size
                $null = $stream.Seek($Offset, 'Begin')
                $count = $stream.Read($buffer, 0, $Size)
            } finally {
                $stream.Dispose()
            }
            [pscustomobject]@{ Failed = ''; Exists = $true; Data = [System.Convert]::ToBase64String($buffer, 0, $count) }
        } else {
            [pscustomobject]@{ Failed = ''; Exists = $false; Data = '' }
        }
    } catch {
        [pscustomobject]@{ Failed = $_.Exception.Message; Exists = $true; Data = '' }
    }
}
