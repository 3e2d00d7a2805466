"""Bring a rider's text to one plain form; shared by the service and the Rasa process (stdlib only).

Case, width, accents, traditional Chinese characters, stretched letters and digits are levelled,
because riders type fast and on every kind of keyboard.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_TRADITIONAL: Final = (
    "電电樁桩動动機机車车開开關关啟启結结終终單单價价錢钱費费還还這这個个請请問问幫帮員员沒没無无時时間间點点嗎吗麼么樣样裡里裏里邊边進进過过現现場场導导線线頭头壞坏"
    "壓压閃闪煙烟燒烧燙烫發发傷伤觸触預预約约訂订變变換换語语設设備备號号碼码詢询歷历紀纪錄录帳账戶户餘余額额儲储優优會会積积據据訴诉評评論论謝谢聯联繫系係系轉转離离"
    "來来對对錯错幾几兩两萬万裝装準准務务業业從从應应該该讓让說说話话認认識识標标長长門门東东後后當当給给買买賣卖貴贵滿满擋挡佔占響响顯显網网絡络連连綁绑紅红綠绿藍蓝"
    "燈灯罵骂鎖锁隱隐刪删資资權权條条協协議议氣气聞闻濕湿極极熱热歲岁聽听見见願愿壹一貳二參三與与專专叢丛絲丝丟丢嚴严喪丧豐丰臨临為为爲为麗丽舉举義义烏乌樂乐喬乔習习"
    "鄉乡書书亂乱爭争虧亏雲云亞亚產产畝亩親亲億亿僅仅倉仓儀仪們们眾众傘伞偉伟傳传倫伦偽伪體体傭佣債债傾倾償偿兒儿黨党蘭兰興兴養养獸兽內内岡冈冊册寫写軍军農农馮冯衝冲"
    "決决況况凍冻淨净涼凉減减湊凑鳳凤憑凭凱凯擊击鑿凿劃划劉刘則则剛刚創创別别劑剂剝剥劇剧勸劝辦办勵励勁劲勞劳勢势勝胜勻匀區区醫医華华盧卢衛卫卻却廠厂廳厅厲厉厭厌廁厕"
    "縣县雙双髮发敘叙疊叠葉叶嘆叹嚇吓呂吕噸吨啓启吳吴嗚呜啞哑嘩哗喲哟喚唤嚐尝團团園园圍围國国圖图圓圆聖圣塊块堅坚壇坛墳坟墜坠壘垒墊垫塗涂塵尘牆墙壯壮聲声殼壳壺壶處处"
    "復复複复夠够夾夹奪夺奮奋獎奖奧奥婦妇媽妈嬰婴孫孙學学寧宁寶宝實实審审寵宠憲宪宮宫寬宽賓宾寢寝尋寻壽寿將将爾尔嘗尝堯尧屍尸盡尽儘尽層层屜屉屆届屬属嶼屿豈岂崗岗島岛"
    "嶺岭帥帅師师幣币帶带幹干並并廣广莊庄慶庆庫库廟庙龐庞廢废異异棄弃張张彌弥彎弯彈弹強强歸归徹彻徑径憶忆憂忧懷怀態态慘惨慣惯憤愤懶懒戲戏戰战紮扎撲扑執执擴扩掃扫揚扬"
    "擾扰撫抚拋抛搶抢護护報报擔担擬拟攏拢揀拣擁拥攔拦擰拧撥拨擇择掛挂揮挥撓挠掙挣擠挤撈捞損损撿捡擄掳擲掷攪搅攜携攝摄擺摆搖摇攤摊數数齋斋斬斩斷断舊旧曠旷晝昼晉晋曬晒"
    "曉晓暈晕暫暂術术樸朴殺杀雜杂楊杨構构槍枪楓枫櫃柜檸柠棧栈棟栋欄栏樹树橋桥檔档檢检樓楼橫横櫻樱歡欢歐欧殘残毆殴毀毁畢毕斃毙氈毡漢汉湯汤溝沟淪沦滄沧淚泪瀉泻潑泼澤泽"
    "潔洁灑洒窪洼淺浅漿浆測测濟济渾浑濃浓濤涛澇涝渦涡潤润漲涨澀涩淵渊漬渍漸渐漁渔滲渗溫温灣湾溼湿潰溃濺溅滾滚滯滞濾滤濫滥濱滨灘滩瀏浏滅灭靈灵災灾燦灿爐炉煉炼爛烂爍烁"
    "煩烦燴烩愛爱爺爷牽牵犧牺狀状猶犹獨独獅狮獄狱獵猎豬猪貓猫獻献環环瑪玛瓊琼畫画暢畅療疗瘋疯癢痒瘡疮癱瘫癮瘾皺皱盞盏鹽盐監监蓋盖盜盗盤盘睜睁矚瞩矯矫礦矿磚砖確确礎础"
    "礙碍禮礼禍祸禿秃種种稱称穢秽穩稳窮穷竊窃竅窍窩窝窺窥競竞筆笔筍笋築筑篩筛籌筹簽签簡简籃篮籠笼類类糧粮緊紧糾纠級级緯纬純纯紗纱綱纲納纳縱纵紛纷紙纸紋纹紐纽綫线練练"
    "組组細细織织經经繞绕繪绘絕绝統统絹绢繡绣繼继績绩緒绪續续綺绮繩绳維维綿绵綜综緩缓編编緣缘縮缩繳缴羅罗罰罚罷罢羨羡翹翘聰聪肅肃腸肠膚肤腎肾腫肿脹胀脅胁膽胆腳脚脫脱"
    "臉脸腦脑臟脏艦舰艙舱艱艰藝艺節节蘆芦蘇苏蘋苹範范莖茎薦荐藥药蓮莲獲获瑩莹營营蕭萧薩萨蔥葱虛虚蟲虫雖虽蝦虾螞蚂蠅蝇蠟蜡補补襯衬襪袜褲裤觀观規规覓觅視视覽览覺觉譽誉"
    "計计討讨訓训訊讯記记講讲諱讳許许訪访證证詞词譯译試试詩诗誠诚詳详誤误説说諸诸諾诺讀读課课誰谁調调諒谅談谈謀谋謊谎謎谜謹谨譜谱貝贝負负貢贡財财責责賢贤敗败賬账貨货"
    "質质販贩貪贪購购貯贮貸贷賀贺賊贼賈贾賃赁賄贿賠赔賴赖賺赚賽赛贈赠讚赞贊赞趕赶趨趋躍跃踐践蹤踪軌轨軟软輪轮輕轻載载較较輔辅輛辆輩辈輯辑輸输轎轿辭辞辯辩遼辽達达遷迁"
    "邁迈運运遠远違违遲迟選选遺遗遙遥鄧邓郵邮鄰邻釋释鑑鉴針针釘钉釣钓鈣钙鈔钞鋼钢鑰钥鈉钠鉤钩鉗钳鐵铁鈴铃鉛铅銅铜鋁铝銀银鑄铸鋪铺鏈链銷销鋒锋鏽锈銹锈銳锐錶表錦锦鍵键"
    "鍋锅鍛锻鎮镇鏡镜鐘钟鍾钟閉闭闖闯閒闲閑闲悶闷鬧闹閱阅闊阔隊队陽阳陰阴陣阵階阶際际陸陆陳陈險险隨随難难雞鸡雛雏霧雾靜静頁页頂顶項项順顺須须頑顽顧顾頓顿領领頗颇頻频"
    "題题顏颜顛颠風风飄飘飛飞飯饭飲饮飾饰飽饱餓饿餅饼館馆饋馈馬马馱驮駛驶駐驻駕驾驕骄驗验騎骑騙骗騷骚驅驱驚惊髒脏鬆松鬍胡魚鱼鮮鲜鳥鸟鴨鸭鹹咸麥麦麵面黃黄齊齐齒齿龍龙"
    "龜龟纜缆閘闸祇只週周臺台颱台迴回徵征乾干鬱郁籤签捨舍採采託托佈布僱雇傢家喫吃峯峰嚮向嬸婶屢屡搗捣擱搁撐撑摳抠鑼锣訝讶銬铐誇夸螢荧偵侦嘔呕遊游沖冲"
)  # pairs: a traditional character and its simplified form
# Cantonese as it is typed: a character and the one of the same meaning in standard writing.
_CANTONESE: Final = (
    "後后於于夥伙咗了冇没佢他嚟来喺在啲点嗰那撳按攞拿睇看揾找搵找嘅的唔不咩吗㗎的喎哦咁这哋们嘢事"
)
_SIMPLIFY: Final = {
    ord(pairs[at]): pairs[at + 1]
    for pairs in (_TRADITIONAL, _CANTONESE)
    for at in range(0, len(pairs), 2)
}
_STRETCHED: Final = re.compile(r"([^\W\d_])\1{2,}")
_CODE: Final = re.compile(r"(?<![\w-])\d{4,6}-\d{2,3}(?![\w-])")
_DIGIT_RUN: Final = re.compile(r"\d+")
_CJK: Final = re.compile(r"([\u3400-\u9fff\uf900-\ufaff])")
_SPACES: Final = re.compile(r"\s+")
_APOSTROPHES: Final = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'"})


def plain(text: str) -> str:
    """Lower case, NFKC, simplified characters, no accents, single spaces; keeps the digits."""
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).lower()
    text = text.translate(_SIMPLIFY).replace("ß", "ss")
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return _SPACES.sub(" ", _STRETCHED.sub(r"\1\1", bare)).strip()


def for_model(text: str) -> str:
    """The form that the classifier learns from: codes and numbers become marks, each Chinese
    character is a word of its own."""
    marked = _CODE.sub(" xcodex ", plain(text))
    marked = _DIGIT_RUN.sub(lambda run: "0" * min(len(run[0]), 5), marked)
    return _SPACES.sub(" ", _CJK.sub(r" \1 ", marked)).strip()
