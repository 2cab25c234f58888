# escape=`

FROM mcr.microsoft.com/windows/servercore:ltsc2022
SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop';"]
ADD https://aka.example.org/vs_buildtools.exe C:\TEMP\vs_buildtools.exe
RUN C:\TEMP\vs_buildtools.exe --quiet --wait --norestart --nocache `
    --installPath C:\BuildTools `
    --add Microsoft.VisualStudio.Workload.AzureBuildTools `
    || IF "%ERRORLEVEL%"=="3010" EXIT 0
CMD ["cmd.exe", "/k", "C:\\BuildTools\\Common7\\Tools\\VsDevCmd.bat"]
