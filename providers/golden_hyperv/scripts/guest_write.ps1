# Put a piece into a file in a guest; at offset 0 the file is made anew. Its folder must be there.
param(
    [Parameter(Mandatory)] [guid] $VMId,
    [Parameter(Mandatory)] [pscredential] $Credential,
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [long] $Offset,
    [Parameter(Mandatory)] [AllowEmptyString()] [string] $Data
)
$ErrorActionPreference = 'Stop'
Invoke-Command -VMId $VMId -Credential $Credential -ArgumentList $Path, $Offset, $Data -ScriptBlock {
    param([string] $Path, [long] $Offset, [string] $Data)
    $ErrorActionPreference = 'Stop'
    try {
        $bytes = [System.Convert]::FromBase64String($Data)
        $mode = 'OpenOrCreate'
        if ($Offset -eq 0) {
            $mode = 'Create'
            # Pieces by the host's service whose arrival nobody was told of lie beside the file.
            foreach ($left in [System.IO.Directory]::GetFiles([System.IO.Path]::GetDirectoryName($Path), [System.IO.Path]::GetFileName($Path) + '.golden-*')) {
                try {
                    [System.IO.File]::Delete($left)
                } catch [System.IO.IOException] {
                    $null = $left # It still arrives; the next write takes it away.
                }
            }
        }
        $stream = [System.IO.File]::Open($Path, $mode, 'Write', 'Read')
        try {
            $null = $stream.Seek($Offset, 'Begin')
            $stream.Write($bytes, 0, $bytes.Length)
        } finally {
            $stream.Dispose()
        }
        [pscustomobject]@{ Failed = '' }
    } catch {
        [pscustomobject]@{ Failed = $_.Exception.Message }
    }
}
