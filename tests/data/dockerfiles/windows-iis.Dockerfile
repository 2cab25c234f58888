# escape=`

FROM mcr.microsoft.com/windows/servercore:ltsc2022
SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop';"]
RUN Add-WindowsFeature Web-Server; `
    Invoke-WebRequest -UseBasicParsing -Uri "https://dist.example.org/monitor.exe" -OutFile C:\monitor.exe
EXPOSE 80
ENTRYPOINT ["C:\\monitor.exe", "w3svc"]
