# escape=`

FROM mcr.microsoft.com/windows/servercore:ltsc2022
SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop';"]
ENV chocolateyUseWindowsCompression=false `
    chocolateyVersion="1.4.0"
RUN iex ((New-Object Net.WebClient).DownloadString('https://chocolatey.example.org/install.ps1'))
COPY [ "app dir/app.exe",   "C:/Program Files/app/" ]
WORKDIR C:\app
