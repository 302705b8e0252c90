# Put a piece that lies in a guest as a file of its own into its place in another one, once its SHA-256 is right.
param(
    [Parameter(Mandatory)] [guid] $VMId,
    [Parameter(Mandatory)] [pscredential] $Credential,
    [Parameter(Mandatory)] [string] $Piece,
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [long] $Offset,
    [Parameter(Mandatory)] [string] $Sha256
)
$ErrorActionPreference = 'Stop'
Invoke-Command -VMId $VMId -Credential $Credential -ArgumentList $Piece, $Path, $Offset, $Sha256 -ScriptBlock {
    param([string] $Piece, [string] $Path, [long] $Offset, [string] $Sha256)
    $ErrorActionPreference = 'Stop'
    try {
        # Pieces whose arrival nobody was told of lie beside the file.
        foreach ($left in [System.IO.Directory]::GetFiles([System.IO.Path]::GetDirectoryName($Path), [System.IO.Path]::GetFileName($Path) + '.golden-*')) {
            if ($left -ne $Piece) {
                try {
                    [System.IO.File]::Delete($left)
                } catch [System.IO.IOException] {
                    $null = $left # It still arrives; the next piece takes it away.
                }
            }
        }
        $met = (Get-FileHash -LiteralPath $Piece -Algorithm 'SHA256' -ErrorAction Stop).Hash
        if ($met -ne $Sha256) {
            [pscustomobject]@{ Failed = ''; Placed = $false }
        } else {
            $bytes = [System.IO.File]::ReadAllBytes($Piece)
            $mode = 'OpenOrCreate'
            if ($Offset -eq 0) {
                $mode = 'Create'
            }
            $stream = [System.IO.File]::Open($Path, $mode, 'Write', 'Read')
            try {
                $null = $stream.Seek($Offset, 'Begin')
                $stream.Write($bytes, 0, $bytes.Length)
            } finally {
                $stream.Dispose()
            }
            [pscustomobject]@{ Failed = ''; Placed = $true }
        }
    } catch {
        [pscustomobject]@{ Failed = $_.Exception.Message; Placed = $false }
    } finally {
        [System.IO.File]::Delete($Piece)
    }
}
