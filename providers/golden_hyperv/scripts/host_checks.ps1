# What golden endpoint check asks of a host, one object a question; a question that fails says why.
param(
    [Parameter(Mandatory)] [string] $Folder
)
$ErrorActionPreference = 'Stop'
try {
    foreach ($module in @(Get-Module -ListAvailable -Name 'Hyper-V')) {
        [pscustomobject]@{ Question = 'module'; Answer = [string]$module.Version; Failed = '' }
    }
} catch {
    [pscustomobject]@{ Question = 'module'; Answer = ''; Failed = $_.Exception.Message }
}
try {
    $direct = (Get-Command -Name 'Invoke-Command').Parameters.ContainsKey('VMId')
    [pscustomobject]@{ Question = 'direct'; Answer = [string]$direct; Failed = '' }
} catch {
    [pscustomobject]@{ Question = 'direct'; Answer = ''; Failed = $_.Exception.Message }
}
try {
    foreach ($quota in @(Get-ChildItem -Path 'WSMan:\localhost\Shell')) {
        [pscustomobject]@{ Question = 'quota'; Answer = $quota.Name + '=' + $quota.Value; Failed = '' }
    }
} catch {
    [pscustomobject]@{ Question = 'quota'; Answer = ''; Failed = $_.Exception.Message }
}
try {
    foreach ($service in @(Get-Service -Name 'sshd' -ErrorAction SilentlyContinue)) {
        [pscustomobject]@{ Question = 'sshd'; Answer = [string]$service.Status; Failed = '' }
    }
} catch {
    [pscustomobject]@{ Question = 'sshd'; Answer = ''; Failed = $_.Exception.Message }
}
