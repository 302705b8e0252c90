@echo off
rem Notes when this version of the reference was made.
echo made from a golden reference> C:\ProgramData\golden\inventory.txt
exit /b 0
