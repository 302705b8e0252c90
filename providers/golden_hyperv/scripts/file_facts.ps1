# What is known of virtual disks without reading them whole: size, last write, read-only, and both headers of a VHDX
# (MS-VHDX 2.2.2: at 64 KiB and 128 KiB, 4 KiB each), one after the other in Base64. Which one is valid golden decides.
param(
    [Parameter(Mandatory)] [string[]] $Path
)
$ErrorActionPreference = 'Stop'
foreach ($one in $Path) {
    if ([System.IO.File]::Exists($one)) {
        $headers = New-Object byte[] 8192
        try {
            $stream = [System.IO.File]::Open($one, 'Open', 'Read', 'ReadWrite')
        } catch [System.IO.IOException] {
            # What a method throws may arrive without its number, so that it stands in the text, as in Hyper-V's errors.
            throw ('{0} (0x{1:X8}).' -f $_.Exception.Message, $_.Exception.GetBaseException().HResult)
        }
        try {
            $length = $stream.Length
            $null = $stream.Seek(65536, 'Begin')
            $null = $stream.Read($headers, 0, 4096)
            $null = $stream.Seek(131072, 'Begin')
            $null = $stream.Read($headers, 4096, 4096)
        } finally {
            $stream.Dispose()
        }
        $item = Get-Item -LiteralPath $one -Force
        [pscustomobject]@{
            Path = $one
            Exists = $true
            Length = $length
            Written = $item.LastWriteTimeUtc.Ticks
            ReadOnly = $item.IsReadOnly
            Headers = [System.Convert]::ToBase64String($headers)
        }
    } else {
        [pscustomobject]@{ Path = $one; Exists = $false }
    }
}
