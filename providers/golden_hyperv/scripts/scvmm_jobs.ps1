# VMM's jobs of the last hour and those that still run: what failed says why.
param()
$ErrorActionPreference = 'Stop'
foreach ($job in @(Get-SCJob -Newest 1) + @(Get-SCJob -Running)) {
    if ($null -ne $job) {
        [pscustomobject]@{
            Id = [string]$job.ID
            Name = [string]$job.Name
            Status = [string]$job.Status
            Result = [string]$job.ResultName
            Problem = [string]$job.ErrorInfo.Problem
            Action = [string]$job.ErrorInfo.RecommendedAction
            Code = [string]$job.ErrorInfo.DisplayableErrorCode
        }
    }
}
