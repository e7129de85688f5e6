-- Wireshark dissector of the exchange between cash registers and fiscal data operators (ККТ – ОФД).
-- Written by scripts/generate_wireshark.py from the tables of ofd-gateway; changes belong there.
--
-- Use: wireshark -X lua_script:ofd.lua capture.pcapng, or put the file into Wireshark's folder of personal Lua plugins.
-- Messages are found by their signature on any TCP port. Filters: ofd, ofd.fn, ofd.fd, ofd.document, ofd.t1020,
-- ofd.crc.bad and so on; amounts are in kopecks, so `ofd.t1020 > 100000` means more than 1000.00.

local ofd = Proto("ofd", "Fiscal data exchange (ОФД)")

-- Bytes 80 to FF of CP866.
local CP866 = {
    "А", "Б", "В", "Г", "Д", "Е", "Ж", "З", "И", "Й", "К", "Л", "М", "Н", "О", "П",
    "Р", "С", "Т", "У", "Ф", "Х", "Ц", "Ч", "Ш", "Щ", "Ъ", "Ы", "Ь", "Э", "Ю", "Я",
    "а", "б", "в", "г", "д", "е", "ж", "з", "и", "й", "к", "л", "м", "н", "о", "п",
    "░", "▒", "▓", "│", "┤", "╡", "╢", "╖", "╕", "╣", "║", "╗", "╝", "╜", "╛", "┐",
    "└", "┴", "┬", "├", "─", "┼", "╞", "╟", "╚", "╔", "╩", "╦", "╠", "═", "╬", "╧",
    "╨", "╤", "╥", "╙", "╘", "╒", "╓", "╫", "╪", "┘", "┌", "█", "▄", "▌", "▐", "▀",
    "р", "с", "т", "у", "ф", "х", "ц", "ч", "ш", "щ", "ъ", "ы", "ь", "э", "ю", "я",
    "Ё", "ё", "Є", "є", "Ї", "ї", "Ў", "ў", "°", "∙", "·", "√", "№", "¤", "■", " ",
}
local P_VERSIONS = {
    [0x0001] = "ФФД 1.0",
    [0x0002] = "ФФД 1.0",
    [0x0100] = "ФФД 1.0",
    [0x0105] = "ФФД 1.05",
    [0x0110] = "ФФД 1.1",
    [0x0120] = "ФФД 1.2",
    [0x0101] = "ФФД 1.1",
    [0x0102] = "ФФД 1.2",
}
local DOCUMENTS = {
    [1] = "отчет о регистрации / fiscalReport",
    [11] = "отчет об изменении параметров регистрации / fiscalReportCorrection",
    [2] = "отчет об открытии смены / openShift",
    [21] = "отчет о текущем состоянии расчетов / currentStateReport",
    [3] = "кассовый чек / receipt",
    [31] = "кассовый чек коррекции / receiptCorrection",
    [4] = "бланк строгой отчетности / bso",
    [41] = "бланк строгой отчетности коррекции / bsoCorrection",
    [5] = "отчет о закрытии смены / closeShift",
    [6] = "отчет о закрытии фискального накопителя / closeArchive",
    [7] = "подтверждение оператора / operatorAck",
    [81] = "запрос о коде маркировки / 81",
    [82] = "уведомление о реализации маркированного товара / 82",
    [83] = "ответ на запрос / 83",
    [84] = "квитанция на уведомление / 84",
}
-- Tag: its meanings, the present one first: kind, names, and where the number was reused, its parents.
local TAGS = {
    [101] = { { "structure", "массив ФДн: отчет о регистрации / archive registration report" } },
    [102] = { { "structure", "массив ФДн: отчет об открытии смены / archive shift open report" } },
    [103] = { { "structure", "массив ФДн: кассовый чек / archive receipt" } },
    [104] = { { "structure", "массив ФДн: бланк строгой отчетности / archive bso" } },
    [105] = { { "structure", "массив ФДн: отчет о закрытии смены / archive shift close report" } },
    [106] = { { "structure", "массив ФДн: отчет о закрытии фискального накопителя / archive fn close report" } },
    [107] = { { "structure", "массив ФДн: подтверждение оператора / archive operator confirmation" } },
    [111] = { { "structure", "массив ФДн: отчет об изменении параметров регистрации / archive registration change report" } },
    [121] = { { "structure", "массив ФДн: отчет о текущем состоянии расчетов / archive settlement state report" } },
    [131] = { { "structure", "массив ФДн: кассовый чек коррекции / archive correction receipt" } },
    [141] = { { "structure", "массив ФДн: бланк строгой отчетности коррекции / archive correction bso" } },
    [300] = { { "bytes", "ФПА (отчет о считывании) / archive fpa" } },
    [301] = { { "bytes", "ФПС (отчет о считывании) / archive fps" } },
    [1000] = { { "text", "наименование документа / document name" } },
    [1001] = { { "number", "признак автоматического режима / automatic mode" } },
    [1002] = { { "number", "признак автономного режима / offline mode" } },
    [1003] = { { "text", "адрес банковского агента / bank agent address" } },
    [1004] = { { "text", "адрес банковского субагента / bank subagent address" } },
    [1005] = { { "text", "адрес оператора перевода / transfer operator address", { [1223] = true } }, { "text", "адрес оператора перевода / transfer operator address", { [3] = true, [4] = true, [31] = true, [41] = true } } },
    [1006] = { { "text", "адрес платежного агента / payment agent address" } },
    [1007] = { { "text", "адрес платежного субагента / payment subagent address" } },
    [1008] = { { "text", "телефон или электронный адрес покупателя / buyer contact" } },
    [1009] = { { "text", "адрес расчетов / settlement address" } },
    [1010] = { { "money", "размер вознаграждения банковского агента (субагента) / bank agent fee" } },
    [1011] = { { "number", "часовая зона места расчета / time zone", { [82] = true } }, { "money", "размер вознаграждения платежного агента (субагента) / payment agent fee", { [3] = true, [4] = true } } },
    [1012] = { { "time", "дата, время / date time" } },
    [1013] = { { "text", "заводской номер ККТ / kkt serial number" } },
    [1014] = { { "text", "значение типа строка / setting string value" } },
    [1015] = { { "number", "значение типа целое / setting int value" } },
    [1016] = { { "text", "ИНН оператора перевода / transfer operator inn", { [1223] = true } }, { "text", "ИНН оператора перевода / transfer operator inn", { [3] = true, [4] = true, [31] = true, [41] = true } } },
    [1017] = { { "text", "ИНН ОФД / ofd inn" } },
    [1018] = { { "text", "ИНН пользователя / user inn" } },
    [1019] = { { "text", "информационное сообщение / info message" } },
    [1020] = { { "money", "сумма расчета, указанного в чеке (БСО) / total sum" } },
    [1021] = { { "text", "кассир / cashier" } },
    [1022] = { { "number", "код ответа ОФД / ofd response code" } },
    [1023] = { { "quantity", "количество предмета расчета / quantity" } },
    [1024] = { { "text", "наименование банковского агента / bank agent name" } },
    [1025] = { { "text", "наименование банковского субагента / bank subagent name" } },
    [1026] = { { "text", "наименование оператора перевода / transfer operator name", { [1223] = true } }, { "text", "наименование оператора перевода / transfer operator name", { [3] = true, [4] = true, [31] = true, [41] = true } } },
    [1027] = { { "text", "наименование платежного агента / payment agent name" } },
    [1028] = { { "text", "наименование платежного субагента / payment subagent name" } },
    [1029] = { { "text", "наименование реквизита / setting name" } },
    [1030] = { { "text", "наименование предмета расчета / item name" } },
    [1031] = { { "money", "сумма по чеку (БСО) наличными / cash sum" } },
    [1032] = { { "structure", "налог / tax" } },
    [1033] = { { "structure", "налоги / taxes" } },
    [1034] = { { "quantity", "наценка (ставка) / markup rate" } },
    [1035] = { { "money", "наценка (сумма) / markup sum" } },
    [1036] = { { "text", "номер автомата / machine number" } },
    [1037] = { { "text", "регистрационный номер ККТ / kkt registration number" } },
    [1038] = { { "number", "номер смены / shift number" } },
    [1039] = { { "text", "зарезервирован / reserved 1039" } },
    [1040] = { { "number", "номер ФД / fiscal document number" } },
    [1041] = { { "text", "номер ФН / fn number" } },
    [1042] = { { "number", "номер чека за смену / receipt number in shift" } },
    [1043] = { { "money", "стоимость предмета расчета с учетом скидок и наценок / item sum" } },
    [1044] = { { "text", "операция платежного агента / agent operation", { [1223] = true } }, { "text", "операция платежного агента / agent operation", { [3] = true, [4] = true, [31] = true, [41] = true } } },
    [1045] = { { "text", "операция банковского платежного субагента / bank subagent operation" } },
    [1046] = { { "text", "наименование ОФД / ofd name" } },
    [1047] = { { "structure", "параметр настройки / setting parameter" } },
    [1048] = { { "text", "наименование пользователя / user name" } },
    [1049] = { { "text", "почтовый индекс / postal code" } },
    [1050] = { { "number", "признак исчерпания ресурса ФН / fn exhaustion flag" } },
    [1051] = { { "number", "признак необходимости срочной замены ФН / fn urgent replacement flag" } },
    [1052] = { { "number", "признак переполнения памяти ФН / fn memory full flag" } },
    [1053] = { { "number", "признак превышения времени ожидания ответа ОФД / ofd response timeout flag" } },
    [1054] = { { "number", "признак расчета / operation type" } },
    [1055] = { { "bits", "применяемая система налогообложения / applied taxation" } },
    [1056] = { { "number", "признак шифрования / encryption flag" } },
    [1057] = { { "bits", "признак агента / agent type" } },
    [1058] = { { "number", "признак банковского агента / bank agent type" } },
    [1059] = { { "structure", "предмет расчета / item" } },
    [1060] = { { "text", "адрес сайта ФНС / fns site" } },
    [1061] = { { "text", "адрес сайта ОФД / ofd site" } },
    [1062] = { { "bits", "системы налогообложения / taxation systems" } },
    [1063] = { { "quantity", "скидка (ставка) / discount rate" } },
    [1064] = { { "money", "скидка (сумма) / discount sum" } },
    [1065] = { { "text", "сокращенное наименование налога / tax short name" } },
    [1066] = { { "text", "сообщение / message text" } },
    [1067] = { { "structure", "сообщение оператора для ККТ / operator message for kkt" } },
    [1068] = { { "structure", "сообщение оператора для ФН / operator message for fn" } },
    [1069] = { { "structure", "сообщение оператору / message to operator" } },
    [1070] = { { "quantity", "ставка налога / tax rate" } },
    [1071] = { { "structure", "сторно товара (реквизиты) / storno item" } },
    [1072] = { { "money", "сумма налога / tax sum" } },
    [1073] = { { "text", "телефон платежного агента / payment agent phone", { [1223] = true } }, { "text", "телефон платежного агента / payment agent phone", { [3] = true, [4] = true, [31] = true, [41] = true } } },
    [1074] = { { "text", "телефон оператора по приему платежей / payment operator phone", { [1223] = true } }, { "text", "телефон оператора по приему платежей / payment operator phone", { [3] = true, [4] = true, [31] = true, [41] = true } } },
    [1075] = { { "text", "телефон оператора перевода / transfer operator phone", { [1223] = true } }, { "text", "телефон оператора перевода / transfer operator phone", { [3] = true, [4] = true, [31] = true, [41] = true } } },
    [1076] = { { "text", "тип сообщения / message type" } },
    [1077] = { { "sign", "ФПД / fiscal sign" } },
    [1078] = { { "bytes", "ФПО / operator fiscal sign" } },
    [1079] = { { "money", "цена за единицу предмета расчета с учетом скидок и наценок / unit price" } },
    [1080] = { { "text", "штриховой код EAN13 / barcode ean13" } },
    [1081] = { { "money", "сумма по чеку (БСО) безналичными (до 662@ - электронными) / electronic sum" } },
    [1082] = { { "money", "сумма оплаты безналичными / electronic payment sum", { [1235] = true } }, { "text", "телефон банковского субагента / bank subagent phone", { [3] = true, [4] = true } } },
    [1083] = { { "text", "телефон платежного субагента / payment subagent phone" } },
    [1084] = { { "structure", "дополнительный реквизит пользователя / additional user requisite" } },
    [1085] = { { "text", "наименование дополнительного реквизита пользователя / additional requisite name" } },
    [1086] = { { "text", "значение дополнительного реквизита пользователя / additional requisite value" } },
    [1087] = { { "money", "итог смены / shift total legacy" } },
    [1088] = { { "money", "приход наличными / cash income legacy" } },
    [1089] = { { "money", "приход электронными / electronic income legacy" } },
    [1090] = { { "money", "возврат прихода наличными / cash income return legacy" } },
    [1091] = { { "money", "возврат прихода электронными / electronic income return legacy" } },
    [1092] = { { "money", "расход наличными / cash expense legacy" } },
    [1093] = { { "money", "расход электронными / electronic expense legacy" } },
    [1094] = { { "money", "возврат расхода наличными / cash expense return legacy" } },
    [1095] = { { "money", "возврат расхода электронными / electronic expense return legacy" } },
    [1096] = { { "number", "номер корректируемого фискального документа / corrected document number legacy" } },
    [1097] = { { "number", "количество непереданных ФД / unsent documents count" } },
    [1098] = { { "time", "дата (и время) первого из непереданных ФД / first unsent document date" } },
    [1099] = { { "money", "сводный итог / grand total legacy" } },
    [1100] = { { "text", "номер предписания / prescription number legacy" } },
    [1101] = { { "number", "код причины перерегистрации / reregistration reason code" } },
    [1102] = { { "money", "сумма НДС чека по ставке 20% (до 2019 - 18%) / vat 20 sum" } },
    [1103] = { { "money", "сумма НДС чека по ставке 10% / vat 10 sum" } },
    [1104] = { { "money", "сумма расчета по чеку с НДС по ставке 0% / vat 0 turnover" } },
    [1105] = { { "money", "сумма расчета по чеку без НДС / no vat turnover" } },
    [1106] = { { "money", "сумма НДС чека по расч. ставке 20/120 (до 2019 - 18/118) / vat 20 120 sum" } },
    [1107] = { { "money", "сумма НДС чека по расч. ставке 10/110 / vat 10 110 sum" } },
    [1108] = { { "number", "признак ККТ для расчетов только в Интернет / internet only kkt" } },
    [1109] = { { "number", "признак расчетов за услуги / services only" } },
    [1110] = { { "number", "признак АС БСО / bso automated system" } },
    [1111] = { { "number", "общее количество ФД за смену / documents in shift" } },
    [1112] = { { "structure", "скидка/наценка / modifier" } },
    [1113] = { { "text", "наименование скидки / discount name" } },
    [1114] = { { "text", "наименование наценки / markup name" } },
    [1115] = { { "structure", "суммы НДС чека / receipt vat sums", { [3] = true, [4] = true, [31] = true, [41] = true } }, { "text", "адрес сайта для проверки ФП / fiscal sign check site", { [3] = true, [4] = true } } },
    [1116] = { { "number", "номер первого непереданного документа / first unsent document number" } },
    [1117] = { { "text", "адрес электронной почты отправителя чека / sender email" } },
    [1118] = { { "number", "количество кассовых чеков (БСО) за смену / receipts in shift" } },
    [1119] = { { "structure", "сумма НДС чека / receipt vat entry", { [1115] = true } }, { "text", "телефон оператора по приему платежей / operator to receive phone", { [3] = true, [4] = true } } },
    [1120] = { { "money", "сумма НДС / receipt vat entry sum", { [1119] = true } }, { "number", "код справочника / product reference code legacy", {  } } },
    [1121] = { { "number", "код классификации товара / product classification code legacy" } },
    [1122] = { { "text", "сведения о классификации товара / product classification info legacy" } },
    [1123] = { { "number", "код классификации товара / product identification code legacy" } },
    [1124] = { { "text", "сведения о классификации товара / product identification info legacy" } },
    [1125] = { { "number", "признак расчета в \"Интернет\" / internet settlement flag", { [3] = true, [4] = true, [31] = true, [41] = true, [82] = true } }, { "text", "наименование ОФД / ofd name legacy", {  } } },
    [1126] = { { "number", "кол-во непереданных документов по наличным расчетам / unsent cash receipts legacy", {  } }, { "number", "признак проведения лотереи / lottery flag", { [1] = true, [11] = true } } },
    [1127] = { { "number", "кол-во непереданных документов по наличным расчетам / unsent electronic receipts legacy" } },
    [1129] = { { "structure", "счетчики операций «приход» / income counters" } },
    [1130] = { { "structure", "счетчики операций «возврат прихода» / income return counters" } },
    [1131] = { { "structure", "счетчики операций «расход» / expense counters" } },
    [1132] = { { "structure", "счетчики операций «возврат расхода» / expense return counters" } },
    [1133] = { { "structure", "счетчики операций по чекам коррекции / correction counters" } },
    [1134] = { { "number", "количество чеков (БСО) со всеми признаками расчетов / receipts total count" } },
    [1135] = { { "number", "количество чеков по признаку расчетов / receipts count" } },
    [1136] = { { "money", "итоговая сумма в чеках (БСО) наличными денежными средствами / cash total" } },
    [1138] = { { "money", "итоговая сумма в чеках (БСО) безналичными (до 662@ - электронными) / electronic total" } },
    [1139] = { { "money", "сумма НДС по ставке 20% (до 2019 - 18%) / vat 20 total" } },
    [1140] = { { "money", "сумма НДС по ставке 10% / vat 10 total" } },
    [1141] = { { "money", "сумма НДС по расч. ставке 20/120 (до 2019 - 18/118) / vat 20 120 total" } },
    [1142] = { { "money", "сумма НДС по расч. ставке 10/110 / vat 10 110 total" } },
    [1143] = { { "money", "сумма расчетов с НДС по ставке 0% / vat 0 total" } },
    [1144] = { { "number", "количество чеков коррекции / correction receipts count" } },
    [1145] = { { "structure", "счетчики по признаку \"приход\" (коррекции / непереданные ФД) / income correction counters" } },
    [1146] = { { "structure", "счетчики по признаку \"расход\" (коррекции / непереданные ФД) / expense correction counters" } },
    [1147] = { { "number", "количество операций коррекции / correction operations count legacy" } },
    [1148] = { { "number", "количество самостоятельных корректировок / self corrections count" } },
    [1149] = { { "number", "количество корректировок по предписанию / ordered corrections count" } },
    [1150] = { { "money", "сумма коррекций / correction sum legacy" } },
    [1151] = { { "money", "сумма коррекций НДС по ставке 18% / correction vat 18 total" } },
    [1152] = { { "money", "сумма коррекций НДС по ставке 10% / correction vat 10 total" } },
    [1153] = { { "money", "сумма коррекций НДС по расч. ставке 18/118 / correction vat 18 118 total" } },
    [1154] = { { "money", "сумма коррекций НДС расч. ставке 10/110 / correction vat 10 110 total" } },
    [1155] = { { "money", "сумма коррекций с НДС по ставке 0% / correction vat 0 total" } },
    [1157] = { { "structure", "счетчики итогов ФН / fn totals" } },
    [1158] = { { "structure", "счетчики итогов непереданных ФД / unsent documents totals" } },
    [1162] = { { "bytes", "код товара (до 2019 - код товарной номенклатуры) / product code" } },
    [1163] = { { "structure", "код товара / product code structured" } },
    [1171] = { { "text", "телефон поставщика / supplier phone" } },
    [1173] = { { "number", "тип коррекции / correction type" } },
    [1174] = { { "structure", "основание для коррекции / correction basis" } },
    [1177] = { { "text", "наименование основания для коррекции / correction basis name" } },
    [1178] = { { "time", "дата совершения корректируемого расчета (до 662@ - дата документа основания) / correction basis date" } },
    [1179] = { { "text", "номер предписания налогового органа (до 662@ - номер документа основания) / correction basis number" } },
    [1183] = { { "money", "сумма расчетов без НДС / no vat total" } },
    [1184] = { { "money", "сумма коррекций без НДС / correction no vat total" } },
    [1187] = { { "text", "место расчетов / settlement place" } },
    [1188] = { { "text", "версия ККТ / kkt version" } },
    [1189] = { { "number", "версия ФФД ККТ / kkt ffd version" } },
    [1190] = { { "number", "версия ФФД ФН / fn ffd version" } },
    [1191] = { { "text", "дополнительный реквизит предмета расчета / additional item requisite", { [1059] = true, [1071] = true } }, { "text", "дополнительный реквизит предмета расчета / additional item requisite", { [3] = true, [4] = true } } },
    [1192] = { { "text", "дополнительный реквизит чека (БСО) / additional receipt requisite" } },
    [1193] = { { "number", "признак проведения азартных игр / gambling flag" } },
    [1194] = { { "structure", "счетчики итогов смены / shift totals" } },
    [1195] = { { "text", "адрес электронной почты отправителя чека (удален) / sender email deleted" } },
    [1196] = { { "text", "QR-код / qr code" } },
    [1197] = { { "text", "единица измерения предмета расчета / measurement unit name" } },
    [1198] = { { "money", "размер НДС за единицу предмета расчета / unit vat sum" } },
    [1199] = { { "number", "ставка НДС / vat rate", { [1059] = true, [1071] = true, [2007] = true } }, { "number", "ставка НДС (в составе 1119) / vat rate", { [1119] = true } } },
    [1200] = { { "money", "сумма НДС за предмет расчета / item vat sum" } },
    [1201] = { { "money", "общая итоговая сумма в чеках (БСО) / settlements total" } },
    [1203] = { { "text", "ИНН кассира / cashier inn" } },
    [1205] = { { "bits", "коды причин изменения сведений о ККТ / kkt change reasons" } },
    [1206] = { { "bits", "сообщение оператора / operator message flags" } },
    [1207] = { { "number", "признак торговли подакцизными товарами / excise goods flag" } },
    [1208] = { { "text", "сайт чеков / receipt site" } },
    [1209] = { { "number", "номер версии ФФД / ffd version" } },
    [1210] = { { "number", "признаки режимов работы ККТ (зарезервирован) / kkt mode flags reserved" } },
    [1212] = { { "number", "признак предмета расчета / item type" } },
    [1213] = { { "number", "ресурс ключей ФП / fn keys remaining days", { [1] = true, [5] = true, [11] = true } }, { "number", "ресурс ключей ФП / fn keys remaining days", { [21] = true } } },
    [1214] = { { "number", "признак способа расчета / payment method" } },
    [1215] = { { "money", "сумма по чеку (БСО) предоплатой (зачетом аванса) / prepaid sum" } },
    [1216] = { { "money", "сумма по чеку (БСО) постоплатой (в кредит) / credit sum" } },
    [1217] = { { "money", "сумма по чеку (БСО) встречным предоставлением / barter sum" } },
    [1218] = { { "money", "итоговая сумма в чеках (БСО) предоплатами (авансами) / prepaid total" } },
    [1219] = { { "money", "итоговая сумма в чеках (БСО) постоплатами (кредитами) / credit total" } },
    [1220] = { { "money", "итоговая сумма в чеках (БСО) встречными предоставлениями / barter total" } },
    [1221] = { { "number", "признак установки принтера в автомате / printer in machine flag" } },
    [1222] = { { "bits", "признак агента по предмету расчета / item agent type" } },
    [1223] = { { "structure", "данные агента / agent data" } },
    [1224] = { { "structure", "данные поставщика / supplier data" } },
    [1225] = { { "text", "наименование поставщика / supplier name" } },
    [1226] = { { "text", "ИНН поставщика / supplier inn" } },
    [1227] = { { "text", "покупатель (клиент) / buyer name" } },
    [1228] = { { "text", "ИНН покупателя (клиента) / buyer inn" } },
    [1229] = { { "money", "акциз / excise sum" } },
    [1230] = { { "text", "код страны происхождения товара / origin country code" } },
    [1231] = { { "text", "номер декларации на товар / customs declaration number" } },
    [1232] = { { "structure", "счетчики по признаку «возврат прихода» / income return correction counters" } },
    [1233] = { { "structure", "счетчики по признаку «возврат расхода» / expense return correction counters" } },
    [1234] = { { "structure", "сведения обо всех оплатах по чеку безналичными / electronic payments" } },
    [1235] = { { "structure", "сведения об оплате безналичными / electronic payment" } },
    [1236] = { { "number", "признак способа оплаты безналичными / electronic payment method" } },
    [1237] = { { "text", "идентификаторы безналичной оплаты / electronic payment identifiers" } },
    [1238] = { { "text", "дополнительные сведения о безналичной оплате / electronic payment additional info" } },
    [1243] = { { "text", "дата рождения покупателя (клиента) / buyer birth date" } },
    [1244] = { { "text", "гражданство / buyer citizenship code" } },
    [1245] = { { "text", "код вида документа, удостоверяющего личность / buyer id document code" } },
    [1246] = { { "text", "данные документа, удостоверяющего личность / buyer id document data" } },
    [1254] = { { "text", "адрес покупателя (клиента) / buyer address" } },
    [1256] = { { "structure", "сведения о покупателе (клиенте) / buyer info" } },
    [1257] = { { "number", "признак осуществления ломбардной деятельности / pawnshop flag" } },
    [1258] = { { "number", "признак осуществления страховой деятельности / insurance flag" } },
    [1260] = { { "structure", "отраслевой реквизит предмета расчета / industry item requisite" } },
    [1261] = { { "structure", "отраслевой реквизит чека / industry receipt requisite" } },
    [1262] = { { "text", "идентификатор ФОИВ / foiv id" } },
    [1263] = { { "text", "дата документа основания / industry basis date" } },
    [1264] = { { "text", "номер документа основания / industry basis number" } },
    [1265] = { { "text", "значение отраслевого реквизита / industry value" } },
    [1270] = { { "structure", "операционный реквизит чека / operational receipt requisite" } },
    [1271] = { { "number", "идентификатор операции / operation id" } },
    [1272] = { { "text", "данные операции / operation data" } },
    [1273] = { { "time", "дата, время операции / operation date time" } },
    [1274] = { { "text", "дополнительный реквизит ОР / registration additional requisite" } },
    [1275] = { { "bytes", "дополнительные данные ОР / registration additional data" } },
    [1276] = { { "text", "дополнительный реквизит ООС / shift open additional requisite" } },
    [1277] = { { "bytes", "дополнительные данные ООС / shift open additional data" } },
    [1278] = { { "text", "дополнительный реквизит ОЗС / shift close additional requisite" } },
    [1279] = { { "bytes", "дополнительные данные ОЗС / shift close additional data" } },
    [1280] = { { "text", "дополнительный реквизит ОТР / settlement state additional requisite" } },
    [1281] = { { "bytes", "дополнительные данные ОТР / settlement state additional data" } },
    [1282] = { { "text", "дополнительный реквизит ОЗФН / fn close additional requisite" } },
    [1283] = { { "bytes", "дополнительные данные ОЗФН / fn close additional data" } },
    [1290] = { { "bits", "признаки условий применения ККТ / kkt usage flags" } },
    [1291] = { { "structure", "дробное количество маркированного товара / marked fractional quantity" } },
    [1292] = { { "text", "дробная часть / fraction text" } },
    [1293] = { { "number", "числитель / fraction numerator" } },
    [1294] = { { "number", "знаменатель / fraction denominator" } },
    [1300] = { { "text", "КТ Н / product code unknown" } },
    [1301] = { { "text", "КТ EAN-8 / product code ean8" } },
    [1302] = { { "text", "КТ EAN-13 / product code ean13" } },
    [1303] = { { "text", "КТ ITF-14 / product code itf14" } },
    [1304] = { { "text", "КТ GS1.0 / product code gs1 0" } },
    [1305] = { { "text", "КТ GS1.М / product code gs1 m" } },
    [1306] = { { "text", "КТ КМК / product code short" } },
    [1307] = { { "text", "КТ МИ / product code fur" } },
    [1308] = { { "text", "КТ ЕГАИС-2.0 / product code egais2" } },
    [1309] = { { "text", "КТ ЕГАИС-3.0 / product code egais3" } },
    [1320] = { { "text", "КТ Ф.1 / product code f1" } },
    [1321] = { { "text", "КТ Ф.2 / product code f2" } },
    [1322] = { { "text", "КТ Ф.3 / product code f3" } },
    [1323] = { { "text", "КТ Ф.4 / product code f4" } },
    [1324] = { { "text", "КТ Ф.5 / product code f5" } },
    [1325] = { { "text", "КТ Ф.6 / product code f6" } },
    [2000] = { { "text", "код маркировки / marking code" } },
    [2001] = { { "number", "номер запроса / marking request number" } },
    [2002] = { { "number", "номер уведомления / marking notification number" } },
    [2003] = { { "number", "планируемый статус товара / planned item status" } },
    [2004] = { { "bits", "результат проверки КМ / marking check result" } },
    [2005] = { { "bits", "результаты обработки запроса / request processing result" } },
    [2006] = { { "number", "результаты обработки уведомления / notification processing result" } },
    [2007] = { { "structure", "данные о маркированном товаре / marked item data" } },
    [2040] = { { "number", "номер ФД кассового чека (кассового чека коррекции) / receipt document number" } },
    [2100] = { { "number", "тип кода маркировки / marking code type" } },
    [2101] = { { "text", "идентификатор товара / item identifier" } },
    [2102] = { { "number", "режим обработки кода маркировки / marking processing mode" } },
    [2103] = { { "number", "признак торговли маркированными товарами / marked goods trade flag" } },
    [2104] = { { "number", "количество непереданных уведомлений / unsent notifications count" } },
    [2105] = { { "number", "коды обработки запроса / request processing code" } },
    [2106] = { { "bits", "результат проверки сведений о товаре / item info check result" } },
    [2107] = { { "number", "результаты проверки маркированных товаров / marked items check result" } },
    [2108] = { { "number", "мера количества предмета расчета / quantity unit" } },
    [2109] = { { "number", "ответ ОИСМ о статусе товара / oism item status" } },
    [2110] = { { "number", "присвоенный статус товара / assigned item status" } },
    [2111] = { { "number", "коды обработки уведомления / notification processing code" } },
    [2112] = { { "bits", "признак некорректных кодов маркировки / invalid marking codes flags" } },
    [2113] = { { "bits", "признак некорректных запросов и уведомлений / invalid requests flags" } },
    [2114] = { { "time", "дата и время запроса / request date time" } },
    [2115] = { { "text", "контрольный код КМ / marking control code" } },
    [2116] = { { "bits", "вид операции / marking operation type" } },
    [65001] = { { "structure", "массив ФДн отчета о считывании / archive block 65001" } },
    [65002] = { { "structure", "массив ФДн отчета о считывании / archive block 65002" } },
    [65011] = { { "structure", "массив ФДн отчета о считывании / archive block 65011" } },
    [65012] = { { "structure", "массив ФДн отчета о считывании / archive block 65012" } },
}
-- Tag: names of its values, or of its bits by their positions.
local VALUES = {
    [1001] = { [0] = "нет / no", [1] = "да / yes" },
    [1002] = { [0] = "нет / no", [1] = "да / yes" },
    [1011] = { [1] = "UTC+2 (часовая зона 1) / utc plus 2", [2] = "UTC+3 (часовая зона 2) / utc plus 3", [3] = "UTC+4 (часовая зона 3) / utc plus 4", [4] = "UTC+5 (часовая зона 4) / utc plus 5", [5] = "UTC+6 (часовая зона 5) / utc plus 6", [6] = "UTC+7 (часовая зона 6) / utc plus 7", [7] = "UTC+8 (часовая зона 7) / utc plus 8", [8] = "UTC+9 (часовая зона 8) / utc plus 9", [9] = "UTC+10 (часовая зона 9) / utc plus 10", [10] = "UTC+11 (часовая зона 10) / utc plus 11", [11] = "UTC+12 (часовая зона 11) / utc plus 12" },
    [1022] = { [0] = "документ принят / accepted", [11] = "содержание не распознано, неисправимо / not recognised", [14] = "ошибка ФЛК / format control error" },
    [1050] = { [1] = "до конца ключей ФП меньше 30 дней / yes" },
    [1051] = { [1] = "до конца ключей ФП меньше 3 дней / yes" },
    [1052] = { [1] = "память ФН заполнена больше чем на 99% / yes" },
    [1053] = { [1] = "нет подтверждения ОФД больше 2 дней / yes" },
    [1054] = { [1] = "приход / sale", [2] = "возврат прихода / sale return", [3] = "расход / purchase", [4] = "возврат расхода / purchase return" },
    [1055] = { [0] = "ОСН / general", [1] = "УСН доход / simplified income", [2] = "УСН доход минус расход / simplified income minus expense", [3] = "ЕНВД / imputed income", [4] = "ЕСХН / agricultural", [5] = "патент / patent", [6] = "АУСН / automated simplified" },
    [1056] = { [0] = "нет / no", [1] = "да / yes" },
    [1057] = { [0] = "банковский платежный агент / bank payment agent", [1] = "банковский платежный субагент / bank payment subagent", [2] = "платежный агент / payment agent", [3] = "платежный субагент / payment subagent", [4] = "поверенный / attorney", [5] = "комиссионер / commission agent", [6] = "иной агент / agent" },
    [1062] = { [0] = "ОСН / general", [1] = "УСН доход / simplified income", [2] = "УСН доход минус расход / simplified income minus expense", [3] = "ЕНВД / imputed income", [4] = "ЕСХН / agricultural", [5] = "патент / patent", [6] = "АУСН / automated simplified" },
    [1101] = { [1] = "замена ФН / fn replacement", [2] = "замена ОФД / ofd replacement", [3] = "изменение реквизитов / user details change", [4] = "изменение настроек ККТ / kkt settings change" },
    [1108] = { [0] = "нет / no", [1] = "да / yes" },
    [1109] = { [0] = "нет / no", [1] = "да / yes" },
    [1110] = { [0] = "нет / no", [1] = "да / yes" },
    [1125] = { [1] = "расчет через интернет / yes" },
    [1126] = { [0] = "нет / no", [1] = "да / yes" },
    [1173] = { [0] = "самостоятельно / self", [1] = "по предписанию / by order" },
    [1189] = { [1] = "1.0 / 1.0", [2] = "1.05 / 1.05", [3] = "1.1 / 1.1", [4] = "1.2 / 1.2" },
    [1190] = { [1] = "1.0 / 1.0", [2] = "1.05 / 1.05", [3] = "1.1 / 1.1", [4] = "1.2 / 1.2" },
    [1193] = { [0] = "нет / no", [1] = "да / yes" },
    [1199] = { [1] = "НДС 20% (до 2019 - 18%) / vat 20", [2] = "НДС 10% / vat 10", [3] = "НДС 20/120 (до 2019 - 18/118) / vat 20 120", [4] = "НДС 10/110 / vat 10 110", [5] = "НДС 0% / vat 0", [6] = "без НДС / no vat", [7] = "НДС 5% / vat 5", [8] = "НДС 7% / vat 7", [9] = "НДС 5/105 / vat 5 105", [10] = "НДС 7/107 / vat 7 107", [11] = "НДС 22% / vat 22", [12] = "НДС 22/122 / vat 22 122" },
    [1205] = { [0] = "замена ФН / fn replacement", [1] = "замена ОФД / ofd replacement", [2] = "сменилось имя пользователя / user name change", [3] = "сменился адрес или место / address change", [4] = "автономный -> передача данных / offline to online", [5] = "передача данных -> автономный / online to offline", [6] = "версия модели ККТ / kkt model version change", [7] = "перечень СНО / taxation systems change", [8] = "номер автомата / machine number change", [9] = "автоматический -> с кассиром / automatic to manual", [10] = "с кассиром -> автоматический / manual to automatic", [11] = "стала формировать БСО / bso enabled", [12] = "перестала формировать БСО / bso disabled", [13] = "интернет-режим -> печать / internet to print", [14] = "печать -> интернет-режим / print to internet", [15] = "перестала быть агентской / payment agent disabled", [16] = "стала агентской / payment agent enabled", [17] = "азартные игры выкл. / gambling disabled", [18] = "азартные игры вкл. / gambling enabled", [19] = "лотерея выкл. / lottery disabled", [20] = "лотерея вкл. / lottery enabled", [21] = "версия ФФД / ffd version change", [31] = "иные причины / other" },
    [1206] = { [1] = "ошибка ФЛК / format control error", [6] = "нужно настроить связь с ОФД / ofd settings required", [7] = "ОФД прекращает деятельность / ofd terminated", [2] = "сообщение в кабинете ККТ / check cabinet", [3] = "нужно обновить ФФД / ffd update required", [4] = "ККТ включена в план проверок / audit planned" },
    [1207] = { [0] = "нет / no", [1] = "да / yes" },
    [1209] = { [1] = "1.0 / 1.0", [2] = "1.05 / 1.05", [3] = "1.1 / 1.1", [4] = "1.2 / 1.2" },
    [1212] = { [1] = "товар / goods", [2] = "подакцизный товар / excise goods", [3] = "работа / work", [4] = "услуга / service", [5] = "ставка азартной игры / gambling bet", [6] = "выигрыш азартной игры / gambling win", [7] = "лотерейный билет, ставка лотереи / lottery ticket", [8] = "выигрыш лотереи / lottery win", [9] = "РИД / intellectual property", [10] = "платеж, выплата (аванс, задаток, предоплата, кредит) / payment", [11] = "агентское вознаграждение / agent commission", [12] = "составной предмет (2017); взнос, пеня, штраф, вознаграждение, бонус (662@) / composite item", [13] = "иной предмет расчета / other item", [14] = "имущественное право / property right", [15] = "внереализационный доход / non operating income", [16] = "страховые взносы / иные платежи, уменьшающие налог / insurance contributions tax reduction", [17] = "торговый сбор / trade fee", [18] = "курортный сбор / resort fee", [19] = "залог / pledge", [20] = "расход по ст. 346.16 / expense", [21] = "взносы ОПС ИП без работников / pension contributions entrepreneur", [22] = "взносы ОПС с работниками / pension contributions employer", [23] = "взносы ОМС ИП без работников / medical contributions entrepreneur", [24] = "взносы ОМС с работниками / medical contributions employer", [25] = "взносы ОСС / social contributions", [26] = "платеж казино / зала автоматов / casino payment", [27] = "выдача денег банковским платежным агентом / cash withdrawal", [30] = "АТНМ: подакцизный, подлежит маркировке, кода нет / excise marked goods without code", [31] = "АТМ: подакцизный, с кодом маркировки / excise marked goods with code", [32] = "ТНМ: подлежит маркировке, кода нет / marked goods without code", [33] = "ТМ: с кодом маркировки / marked goods with code" },
    [1214] = { [1] = "предоплата 100% / full prepayment", [2] = "предоплата / partial prepayment", [3] = "аванс / advance", [4] = "полный расчет / full settlement", [5] = "частичный расчет и кредит / partial settlement and credit", [6] = "передача в кредит / transfer on credit", [7] = "оплата кредита / credit payment" },
    [1221] = { [0] = "нет / no", [1] = "да / yes" },
    [1222] = { [0] = "банковский платежный агент / bank payment agent", [1] = "банковский платежный субагент / bank payment subagent", [2] = "платежный агент / payment agent", [3] = "платежный субагент / payment subagent", [4] = "поверенный / attorney", [5] = "комиссионер / commission agent", [6] = "иной агент / agent" },
    [1245] = { ["21"] = "паспорт РФ / passport rf", ["22"] = "загранпаспорт, дипломатический, служебный РФ / foreign passport rf", ["26"] = "временное удостоверение РФ / temporary id rf", ["27"] = "свидетельство о рождении РФ (до 14 лет) / birth certificate rf", ["28"] = "иной документ гражданина РФ / other rf", ["31"] = "паспорт иностранного гражданина / foreign citizen passport", ["32"] = "иной документ иностранца / foreign citizen other", ["33"] = "иностранный документ лица без гражданства / stateless foreign document", ["34"] = "вид на жительство / residence permit", ["35"] = "разрешение на временное проживание / temporary residence permit", ["36"] = "свидетельство о рассмотрении ходатайства / refugee application certificate", ["37"] = "удостоверение беженца / refugee certificate", ["38"] = "иной документ лица без гражданства / stateless other", ["40"] = "документ на период рассмотрения заявления / citizenship application document" },
    [1262] = { ["001"] = "МВД / mvd", ["002"] = "МЧС / mchs", ["003"] = "МИД / mid", ["004"] = "Россотрудничество / rossotrudnichestvo", ["005"] = "Минобороны / minoborony", ["006"] = "ФСВТС / fsvts", ["007"] = "ФСТЭК / fstec", ["008"] = "Минюст / minjust", ["009"] = "ФСИН / fsin", ["010"] = "ФССП / fssp", ["011"] = "ГФС / gfs", ["012"] = "СВР / svr", ["013"] = "ФСБ / fsb", ["014"] = "Росгвардия / rosgvardia", ["015"] = "ФСО / fso", ["016"] = "Росфинмониторинг / rosfinmonitoring", ["017"] = "Росархив / rosarkhiv", ["018"] = "ГУСП / gusp", ["019"] = "Управление делами Президента / udp", ["020"] = "Минздрав / minzdrav", ["021"] = "Росздравнадзор / roszdravnadzor", ["022"] = "Минкультуры / mincult", ["023"] = "Минобрнауки / minobrnauki", ["024"] = "Минприроды / minprirody", ["025"] = "Росгидромет / rosgidromet", ["026"] = "Росприроднадзор / rosprirodnadzor", ["027"] = "Росводресурсы / rosvodresursy", ["028"] = "Рослесхоз / rosleskhoz", ["029"] = "Роснедра / rosnedra", ["030"] = "Минпромторг / minpromtorg", ["031"] = "Росстандарт / rosstandart", ["032"] = "Минпросвещения / minprosvescheniya", ["033"] = "Минвостокразвития / minvostokrazvitiya", ["034"] = "Минсельхоз / minselkhoz", ["035"] = "Россельхознадзор / rosselkhoznadzor", ["036"] = "Росрыболовство / rosrybolovstvo", ["037"] = "Минспорт / minsport", ["038"] = "Минстрой / minstroy", ["039"] = "Минтранс / mintrans", ["040"] = "Ространснадзор / rostransnadzor", ["041"] = "Росавиация / rosaviatsiya", ["042"] = "Росавтодор / rosavtodor", ["043"] = "Росжелдор / roszheldor", ["044"] = "Росморречфлот / rosmorrechflot", ["045"] = "Минтруд / mintrud", ["046"] = "Роструд / rostrud", ["047"] = "Минфин / minfin", ["048"] = "ФНС / fns", ["049"] = "Федеральная пробирная палата / probirnaya palata", ["050"] = "Росалкогольрегулирование / rosalkogolregulirovanie", ["051"] = "ФТС / fts", ["052"] = "Казначейство / kaznacheystvo", ["053"] = "Росимущество / rosimushchestvo", ["054"] = "Минцифры / mintsifry", ["055"] = "Роскомнадзор / roskomnadzor", ["056"] = "Роспечать / rospechat", ["057"] = "Россвязь / rossvyaz", ["058"] = "Минэкономразвития / minekonomrazvitiya", ["059"] = "Росаккредитация / rosakkreditatsiya", ["060"] = "Росстат / rosstat", ["061"] = "Роспатент / rospatent", ["062"] = "Ростуризм / rosturizm", ["063"] = "Минэнерго / minenergo", ["064"] = "ФАС / fas", ["065"] = "Росреестр / rosreestr", ["066"] = "Роспотребнадзор / rospotrebnadzor", ["067"] = "Рособрнадзор / rosobrnadzor", ["068"] = "Ростехнадзор / rostekhnadzor", ["069"] = "Росрезерв / rosrezerv", ["070"] = "ФМБА / fmba", ["071"] = "Росмолодежь / rosmolodezh" },
    [1290] = { [1] = "принтер в автомате / printer in machine", [2] = "АС БСО / bso automated system", [5] = "только интернет / internet only", [6] = "подакцизные товары / excise goods", [8] = "маркированные товары / marked goods", [9] = "только услуги / services only", [10] = "азартные игры / gambling", [11] = "лотерея / lottery", [12] = "ломбард / pawnshop", [13] = "страхование / insurance", [14] = "вендинг / vending machine", [15] = "общепит / catering", [16] = "опт / передача маркированных товаров одним кодом / wholesale" },
    [2003] = { [1] = "штучный продан / piece sold", [2] = "мерный в стадии продажи / measured in sale", [3] = "штучный возвращен / piece returned", [4] = "часть возвращена / part returned", [255] = "статус не изменился / unchanged" },
    [2004] = { [0] = "код проверен в ФН / checked by fn", [1] = "проверка в ФН положительна / fn check positive", [2] = "статус проверен сервером / server checked", [3] = "сервер: планируемый статус верен / server status ok", [4] = "результат автономной ККТ / autonomous kkt" },
    [2005] = { [0] = "код проверен в ФН / checked by fn", [1] = "проверка в ФН положительна / fn check positive", [2] = "статус проверен сервером / server checked", [3] = "сервер: планируемый статус верен / server status ok", [4] = "результат автономной ККТ / autonomous kkt" },
    [2006] = { [0] = "все коды проверены положительно / all good", [1] = "хотя бы один отрицательный / some bad" },
    [2100] = { [0] = "тип не определен / unidentified", [1] = "короткий код / short", [2] = "проверочный код 88, проверяет ФН / check88 fn", [3] = "проверочный код 44, ФН не проверяет / check44 no fn", [4] = "проверочный код 44, проверяет ФН / check44 fn", [5] = "проверочный код 4, ФН не проверяет / check4 no fn" },
    [2102] = { [0] = "единственное значение / default" },
    [2105] = { [0] = "запрос верен / correct", [1] = "формат запроса неверен / bad request", [2] = "код маркировки не распознан / bad code" },
    [2106] = { [0] = "код проверен в ФН / checked by fn", [1] = "проверка в ФН положительна / fn check positive", [2] = "статус проверен сервером / server checked", [3] = "сервер: планируемый статус верен / server status ok", [4] = "результат автономной ККТ / autonomous kkt" },
    [2107] = { [0] = "все проверки положительны / all positive", [1] = "есть отрицательные / some negative" },
    [2108] = { [0] = "шт. или единица / piece", [10] = "г / gram", [11] = "кг / kilogram", [12] = "т / ton", [20] = "см / centimetre", [21] = "дм / decimetre", [22] = "м / metre", [30] = "кв. см / square centimetre", [31] = "кв. дм / square decimetre", [32] = "кв. м / square metre", [40] = "мл / millilitre", [41] = "л / litre", [42] = "куб. м / cubic metre", [50] = "кВт·ч / kilowatt hour", [51] = "Гкал / gigacalorie", [70] = "сутки / day", [71] = "ч / hour", [72] = "мин / minute", [73] = "с / second", [80] = "КБ / kilobyte", [81] = "МБ / megabyte", [82] = "ГБ / gigabyte", [83] = "ТБ / terabyte", [255] = "иная мера / other" },
    [2109] = { [1] = "планируемый статус верен / planned status ok", [2] = "планируемый статус неверен / planned status bad", [3] = "оборот приостановлен / turnover suspended" },
    [2110] = { [1] = "штучный продан / piece sold", [2] = "мерный в стадии продажи / measured in sale", [3] = "штучный возвращен / piece returned", [4] = "часть возвращена / part returned", [255] = "статус не изменился / unchanged" },
    [2111] = { [0] = "уведомление принято и обработано / handled", [1] = "уведомление неверно / bad notification" },
    [2112] = { [1] = "в смену или между сменами ответ на запрос с неверным кодом / negative in response", [2] = "квитанция с неверным кодом / negative in acknowledgement" },
    [2113] = { [0] = "запрос обработан отрицательно / bad request result", [1] = "уведомление обработано отрицательно / bad notification result" },
    [2116] = { [0] = "чек с маркированным товаром / receipt with marked goods", [1] = "чек коррекции с маркированным товаром / correction with marked goods", [2] = "вендинг без запроса / vending without request", [3] = "общепит без запроса / catering without request", [4] = "опт без запроса / wholesale without request" },
}

-- ---------------------------------------------------------------------------------------------------------------------

local SIGNATURE = 0x2a08410a
local SESSION_BYTES = 30
local CONTAINER_BYTES = 32
local TRAILER_BYTES = 10
local TLV_BYTES = 4
local MAX_NESTING = 16
local MAX_BODY_BYTES = 32810
local FROM_FN, FROM_OPERATOR = 0xa5, 0x5a

local bxor = (bit32 and bit32.bxor) or (bit and bit.bxor) or load("return function(a, b) return a ~ b end")()
local band = (bit32 and bit32.band) or (bit and bit.band) or load("return function(a, b) return a & b end")()

local f = {
    signature = ProtoField.bytes("ofd.signature", "Сигнатура / Signature"),
    s_version = ProtoField.bytes("ofd.s_version", "Версия S-протокола / S-protocol version"),
    p_version = ProtoField.uint16("ofd.p_version", "Версия P-протокола / P-protocol version", base.HEX, P_VERSIONS),
    fn = ProtoField.string("ofd.fn", "Номер ФН / FN number"),
    length = ProtoField.uint16("ofd.length", "Длина контейнера / Container length"),
    flags = ProtoField.uint16("ofd.flags", "Флаги / Flags", base.HEX),
    priority = ProtoField.uint16("ofd.flags.priority", "Приоритет / Priority", base.DEC, nil, 0x00c0),
    answer = ProtoField.uint16("ofd.flags.answer", "Ответ / Answer", base.DEC,
        { [0] = "не ждёт / not expected", [1] = "ждёт / expected" }, 0x0030),
    has_container = ProtoField.bool("ofd.flags.container", "Контейнер / Container", 16, nil, 0x0004),
    crc_mode = ProtoField.uint16("ofd.flags.crc", "КС / CRC", base.DEC,
        { [0] = "нет / none", [1] = "заголовок / header", [2] = "заголовок и тело / header and body" }, 0x0003),
    session_crc = ProtoField.uint16("ofd.session_crc", "КС сеанса / Session CRC", base.HEX),
    container = ProtoField.none("ofd.container", "Контейнер / Container"),
    container_length = ProtoField.uint16("ofd.container.length", "Длина / Length"),
    container_crc = ProtoField.uint16("ofd.container.crc", "КС / CRC", base.HEX),
    kind = ProtoField.uint8("ofd.container.type", "Тип / Type", base.HEX,
        { [FROM_FN] = "ФН → ОФД / from the FN", [FROM_OPERATOR] = "ОФД → ФН / from the operator" }),
    document = ProtoField.uint8("ofd.document", "Код документа / Document code", base.DEC, DOCUMENTS),
    container_version = ProtoField.uint8("ofd.container.version", "Версия / Version"),
    service = ProtoField.bytes("ofd.container.service", "Служебные данные / Service data"),
    container_fn = ProtoField.string("ofd.container.fn", "Номер ФН / FN number"),
    fd = ProtoField.uint24("ofd.fd", "Номер ФД / FD number"),
    nonce = ProtoField.bytes("ofd.container.nonce", "Синхропосылка / Nonce"),
    key_id = ProtoField.bytes("ofd.container.key_id", "Ключ / Key id"),
    plain_length = ProtoField.uint16("ofd.container.plain_length", "Длина тела / Body length"),
    body = ProtoField.bytes("ofd.body", "Тело / Body"),
    sign = ProtoField.bytes("ofd.sign", "ФПС или ФПП / Message or confirmation sign"),
    foreign = ProtoField.bytes("ofd.foreign", "Не сообщение / No message"),
    tag = ProtoField.uint16("ofd.tag", "Тег / Tag"),
    tag_length = ProtoField.uint16("ofd.tag.length", "Длина / Length"),
    tag_value = ProtoField.bytes("ofd.tag.value", "Значение / Value"),
}

local e = {
    crc = ProtoExpert.new("ofd.crc.bad", "КС неверна / wrong CRC", expert.group.CHECKSUM, expert.severity.ERROR),
    length = ProtoExpert.new("ofd.length.bad", "Длина неверна / wrong length", expert.group.MALFORMED, expert.severity.ERROR),
    format = ProtoExpert.new("ofd.format.bad", "Не по протоколу / against the protocol", expert.group.PROTOCOL, expert.severity.WARN),
    encrypted = ProtoExpert.new("ofd.encrypted", "Тело зашифровано или испорчено / encrypted or corrupt body", expert.group.UNDECODED, expert.severity.NOTE),
    unknown = ProtoExpert.new("ofd.tag.unknown", "Неизвестный реквизит / unknown tag", expert.group.UNDECODED, expert.severity.NOTE),
}

local by_tag = {}
local all = {}
for _, field in pairs(f) do all[#all + 1] = field end
for tag, meanings in pairs(TAGS) do
    local kind, name = meanings[1][1], string.format("%d %s", tag, meanings[1][2])
    local abbreviation = "ofd.t" .. tag
    local field
    if kind == "money" or kind == "number" or kind == "bits" then
        field = ProtoField.uint64(abbreviation, name)
    elseif kind == "time" then
        field = ProtoField.absolute_time(abbreviation, name, base.UTC)
    elseif kind == "text" or kind == "quantity" then
        field = ProtoField.string(abbreviation, name)
    elseif kind == "structure" then
        field = ProtoField.none(abbreviation, name)
    else
        field = ProtoField.bytes(abbreviation, name)
    end
    by_tag[tag] = field
    all[#all + 1] = field
end
ofd.fields = all
ofd.experts = { e.crc, e.length, e.format, e.encrypted, e.unknown }

local CRC = {}
for index = 0, 255 do
    local crc = index * 256
    for _ = 1, 8 do
        if crc >= 32768 then crc = bxor((crc * 2) % 65536, 0x1021) else crc = crc * 2 end
    end
    CRC[index] = crc
end

-- CRC-16/CCITT-FALSE of a range, continued from `crc`.
local function crc16(range, crc)
    local bytes = range:bytes()
    for index = 0, bytes:len() - 1 do
        crc = bxor((crc % 256) * 256, CRC[bxor(math.floor(crc / 256), bytes:get_index(index))])
    end
    return crc
end

-- CP866 to UTF-8; what does not print becomes an escape.
local function text_of(range)
    local bytes = range:bytes()
    local parts = {}
    for index = 0, bytes:len() - 1 do
        local byte = bytes:get_index(index)
        if byte >= 128 then
            parts[#parts + 1] = CP866[byte - 127]
        elseif byte < 32 or byte == 127 then
            parts[#parts + 1] = string.format("\\x%02x", byte)
        else
            parts[#parts + 1] = string.char(byte)
        end
    end
    return table.concat(parts)
end

local function padded(number, least)
    return string.rep("0", least - #number) .. number
end

local function decimal(digits, places)
    if places == 0 then return digits end
    digits = padded(digits, places + 1)
    return digits:sub(1, -places - 1) .. "." .. digits:sub(-places)
end

local function spelled_out(tag, kind, value)
    local members = VALUES[tag]
    if members == nil then return "" end
    if kind ~= "bits" then
        local name = members[value]
        return name and ": " .. name or ""
    end
    local names = {}
    local number = tonumber(value)
    for position = 0, 31 do
        if number % 2 == 1 and members[position] then names[#names + 1] = members[position] end
        number = math.floor(number / 2)
    end
    return #names > 0 and ": " .. table.concat(names, ", ") or ""
end

-- The meaning of a tag that has several: the one that belongs into this structure, else the present one.
local function meaning_in(tag, parent)
    local meanings = TAGS[tag]
    if meanings == nil then return nil end
    for _, meaning in ipairs(meanings) do
        if meaning[3] and meaning[3][parent] then return meaning end
    end
    return meanings[1]
end

-- Words for a value and the value for its field, nil where the bytes fit no value of that kind.
local function read_value(tag, kind, range, size)
    if kind == "text" then
        local text = size > 0 and text_of(range) or ""
        return '"' .. text .. '"' .. spelled_out(tag, kind, text), text
    elseif kind == "sign" then
        if size ~= 6 then return nil end
        return padded(tostring(range:range(2, 4):uint()), 10) .. "  " .. tostring(range:bytes()), nil
    elseif kind == "bytes" then
        return size > 0 and tostring(range:bytes()) or "", nil
    elseif kind == "quantity" then
        if size == 0 then return "0", "0" end
        if size < 2 or size > 9 then return nil end
        local shown = decimal(tostring(range:range(1):le_uint64()), range:range(0, 1):uint())
        return shown, shown
    elseif kind == "structure" then
        return "", nil
    end
    if size > 8 then return nil end
    local number = size > 0 and range:le_uint64() or UInt64(0)
    if kind == "money" then
        return decimal(tostring(number), 2), number
    elseif kind == "time" then
        local seconds = number:tonumber()
        return os.date("!%Y-%m-%d %H:%M:%S", seconds), NSTime(seconds, 0)
    end
    return tostring(number) .. spelled_out(tag, kind, number:tonumber()), number
end

local dissect_tlvs

local function add_tlv(tvb, tree, at, tag, size, parent, depth)
    local meaning = meaning_in(tag, parent)
    local whole = tvb:range(at, TLV_BYTES + size)
    local value = size > 0 and tvb:range(at + TLV_BYTES, size) or tvb:range(at, TLV_BYTES)
    local kind = meaning and meaning[1] or "bytes"
    local words, number = read_value(tag, kind, value, size)
    local field = meaning == (TAGS[tag] or {})[1] and by_tag[tag] or nil
    local item
    if field and number ~= nil then
        item = tree:add(field, whole, number)
    elseif field and (kind == "structure" or (size > 0 and (kind == "bytes" or kind == "sign"))) then
        item = tree:add(field, kind == "structure" and whole or value)
    else
        item = tree:add(f.tag_value, value)
    end
    local name = meaning and meaning[2] or "неизвестный реквизит / unknown tag"
    item:set_text(string.format("%d %s%s", tag, name, (words and words ~= "") and ": " .. words or ""))
    item:add(f.tag, tvb:range(at, 2), tag):set_text(string.format("тег / tag: %d", tag))
    local length_item = item:add_le(f.tag_length, tvb:range(at + 2, 2))
    if not meaning then item:add_proto_expert_info(e.unknown) end
    if words == nil then
        length_item:add_proto_expert_info(e.length, string.format("тег %d: длина %d не подходит / a length does not fit", tag, size))
    end
    if kind == "structure" and size > 0 then
        if depth >= MAX_NESTING then
            item:add_proto_expert_info(e.format, "вложено слишком глубоко / nested too deep")
        else
            dissect_tlvs(tvb, item, at + TLV_BYTES, at + TLV_BYTES + size, tag, depth + 1)
        end
    end
end

-- Every TLV between two offsets; a length beyond the end is told, and the rest shown as it is.
dissect_tlvs = function(tvb, tree, at, stop, parent, depth)
    while at < stop do
        local left = stop - at
        if left < TLV_BYTES then
            tree:add(f.tag_value, tvb:range(at, left)):add_proto_expert_info(e.length, "обрывок реквизита / a tag is cut short")
            return
        end
        local tag, size = tvb:range(at, 2):le_uint(), tvb:range(at + 2, 2):le_uint()
        if size > left - TLV_BYTES then
            local item = tree:add(f.tag_value, tvb:range(at, left))
            item:set_text(string.format("%d: длина %d, осталось %d / length beyond the end", tag, size, left - TLV_BYTES))
            item:add_proto_expert_info(e.length, string.format("тег %d: длина %d выходит за конец / a length beyond the end", tag, size))
            return
        end
        add_tlv(tvb, tree, at, tag, size, parent, depth)
        at = at + TLV_BYTES + size
    end
end

local function check_crc(item, found, due)
    if found ~= due then
        item:add_proto_expert_info(e.crc, string.format("КС 0x%04x, должна быть 0x%04x / wrong CRC", found, due))
    else
        item:append_text(" верна / right")
    end
end

local function expect(item, expert_info, found, due, what)
    if found ~= due then
        item:add_proto_expert_info(expert_info, string.format("%s: %s, должно быть / should be %s", what, found, due))
    end
end

-- The response code of a confirmation (1022 in 1068), nil where there is none.
local function response_code(tvb, at, stop)
    while at + TLV_BYTES <= stop do
        local tag, size = tvb:range(at, 2):le_uint(), tvb:range(at + 2, 2):le_uint()
        if at + TLV_BYTES + size > stop then return nil end
        if tag == 1022 and size == 1 then return tvb:range(at + TLV_BYTES, 1):uint() end
        at = at + TLV_BYTES + (tag == 1068 and 0 or size)
    end
    return nil
end

local function dissect_body(tvb, pinfo, tree, at, size, code)
    local plain = size >= TLV_BYTES and tvb:range(at, 2):le_uint() == code
        and tvb:range(at + 2, 2):le_uint() == size - TLV_BYTES
    if not plain then
        if size > 0 then tree:add(f.body, tvb:range(at, size)):add_proto_expert_info(e.encrypted) end
        pinfo.cols.info:append(" зашифровано / encrypted")
        return
    end
    local item = tree:add(f.body, tvb:range(at, size))
    item:set_text(string.format("%d %s", code, DOCUMENTS[code] or "документ / document"))
    dissect_tlvs(tvb, item, at + TLV_BYTES, at + size, code, 1)
    local answer = code == 7 and response_code(tvb, at + TLV_BYTES, at + size) or nil
    if answer then pinfo.cols.info:append(string.format(" код / code %d", answer)) end
end

local function dissect_container(tvb, pinfo, tree, at, size, fn)
    local item = tree:add(f.container, tvb:range(at, size))
    if size < CONTAINER_BYTES + TLV_BYTES + TRAILER_BYTES then
        item:add_proto_expert_info(e.length, string.format("%d байт мало для контейнера / too short for a container", size))
        return
    end
    local length_item = item:add_le(f.container_length, tvb:range(at, 2))
    expect(length_item, e.length, tvb:range(at, 2):le_uint(), size, "длина / length")
    local crc_item = item:add_le(f.container_crc, tvb:range(at + 2, 2))
    check_crc(crc_item, tvb:range(at + 2, 2):le_uint(), crc16(tvb:range(at + 4, size - 4), crc16(tvb:range(at, 2), 0xffff)))
    local kind_item = item:add(f.kind, tvb:range(at + 4, 1))
    local kind = tvb:range(at + 4, 1):uint()
    if kind ~= FROM_FN and kind ~= FROM_OPERATOR then
        kind_item:add_proto_expert_info(e.format, string.format("тип / type 0x%02x", kind))
    end
    local code = tvb:range(at + 5, 1):uint()
    item:add(f.document, tvb:range(at + 5, 1))
    item:add(f.container_version, tvb:range(at + 6, 1))
    item:add(f.service, tvb:range(at + 7, 2))
    local digits = tostring(tvb:range(at + 9, 8):bytes()):lower():gsub("f$", "")
    local fn_item = item:add(f.container_fn, tvb:range(at + 9, 8), digits)
    expect(fn_item, e.format, digits, fn, "номер ФН / FN number")
    item:add(f.fd, tvb:range(at + 17, 3))
    item:add(f.nonce, tvb:range(at + 20, 8))
    item:add(f.key_id, tvb:range(at + 28, 2))
    local plain_item = item:add(f.plain_length, tvb:range(at + 30, 2))
    local body = size - CONTAINER_BYTES - TRAILER_BYTES
    expect(plain_item, e.length, tvb:range(at + 30, 2):uint(), body, "длина тела / body length")
    pinfo.cols.info:append(string.format(" %s ФД %d", DOCUMENTS[code] or code, tvb:range(at + 17, 3):uint()))
    dissect_body(tvb, pinfo, item, at + CONTAINER_BYTES, body, code)
    item:add(f.sign, tvb:range(at + size - TRAILER_BYTES, TRAILER_BYTES))
end

local function is_message(tvb, at)
    return tvb:len() - at >= 4 and tvb:range(at, 4):uint() == SIGNATURE
end

local function dissect_message(tvb, pinfo, tree)
    pinfo.cols.protocol = "OFD"
    local size = tvb:len()
    local root = tree:add(ofd, tvb:range())
    if not is_message(tvb, 0) or size < SESSION_BYTES then
        root:add(f.foreign, tvb:range()):add_proto_expert_info(e.format, "сигнатуры нет / no signature")
        return size
    end
    local fn = tvb:range(8, 16):string():gsub(" +$", "")
    local flags, length = tvb:range(26, 2):le_uint(), tvb:range(24, 2):le_uint()
    root:append_text(", ФН " .. fn)
    pinfo.cols.info:append(" ФН " .. fn)
    root:add(f.signature, tvb:range(0, 4))
    local version_item = root:add(f.s_version, tvb:range(4, 2))
    expect(version_item, e.format, tvb:range(4, 2):uint(), 0x81a2, "версия / version")
    root:add(f.p_version, tvb:range(6, 2))
    root:add(f.fn, tvb:range(8, 16), fn)
    local length_item = root:add_le(f.length, tvb:range(24, 2))
    if length > MAX_BODY_BYTES then
        length_item:add_proto_expert_info(e.length, string.format("больше / more than %d", MAX_BODY_BYTES))
    end
    local flags_item = root:add_le(f.flags, tvb:range(26, 2))
    flags_item:add_le(f.priority, tvb:range(26, 2))
    flags_item:add_le(f.answer, tvb:range(26, 2))
    flags_item:add_le(f.has_container, tvb:range(26, 2))
    flags_item:add_le(f.crc_mode, tvb:range(26, 2))
    local crc_item = root:add_le(f.session_crc, tvb:range(28, 2))
    local mode = band(flags, 3)
    if mode == 1 or mode == 2 then
        local due = crc16(tvb:range(0, 28), 0xffff)
        if mode == 2 and size > SESSION_BYTES then due = crc16(tvb:range(SESSION_BYTES), due) end
        check_crc(crc_item, tvb:range(28, 2):le_uint(), due)
    elseif mode == 3 then
        flags_item:add_proto_expert_info(e.format, "КС 11 запрещена / CRC mode 11 is forbidden")
    end
    if length == 0 then
        pinfo.cols.info:append(" служебное / service")
    else
        dissect_container(tvb, pinfo, root, SESSION_BYTES, math.min(length, size - SESSION_BYTES), fn)
    end
    return size
end

-- A message is as long as its header says; bytes that begin none are taken as they came.
local function message_length(tvb, _, at)
    if not is_message(tvb, at) then return tvb:len() - at end
    return SESSION_BYTES + tvb:range(at + 24, 2):le_uint()
end

function ofd.dissector(tvb, pinfo, tree)
    pinfo.cols.protocol = "OFD"
    pinfo.cols.info = ""
    dissect_tcp_pdus(tvb, tree, SESSION_BYTES, message_length, dissect_message)
    return tvb:len()
end

ofd:register_heuristic("tcp", function(tvb, pinfo, tree)
    if not is_message(tvb, 0) then return false end
    pinfo.conversation = ofd
    -- TCP lets its dissectors wait for more segments, and counts levels to know which; a heuristic in Lua is too deep.
    pinfo.can_desegment = 2
    ofd.dissector(tvb, pinfo, tree)
    return true
end)

DissectorTable.get("tcp.port"):add_for_decode_as(ofd)
